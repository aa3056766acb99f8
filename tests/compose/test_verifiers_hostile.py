"""Responses of a policy that hopes to be paid without an answer: none of them is, whatever the gold answer."""

from __future__ import annotations

import pytest

from composekit.compose import Problem, bundle, verify

# Two values, or one that is doubted, taken back or not said to be the answer.
NUMBERS = [
    '{"answer": 18, "alternative": 20}', '{"answer": "18", "other_answer": "20"}', "\\boxed{18} to \\boxed{20}",
    "\\boxed{18} != \\boxed{20}", "18 \\boxed{20}", "\\boxed{18} or \\text{20}", "\\boxed{18}\\llap{\\boxed{20}}",
    "Answer: 18\n\nAnswer: 20", "Answer: 18, Answer: 20", "Answer: 18 (Answer: 20)", "Answer: 18 | 20",
    "Answer: 18/20", "Answer: 18;20", "Answer: 18 20", "Answer: 18\t20", "Answer: 18~20", "Answer: 18–20",
    "Answer: 18 → 20", "Answer: 18 => 20", "Answer: 18 vs 20", "Answer: 18 & 20", "Answer: 18\\\\20",
    "Answer: $18$ $20$", "Answer: $18$$20$", "Answer: **18** **20**", "Answer: <sub>18</sub>20",
    "Answer: \\sout{18} 20", "\\boxed{\\cancel{18} 20}", "\\boxed{\\sout{18}20}", "\\boxed{18\\phantom{20}}",
    "\\boxed{\\phantom{18}20}", "\\boxed{18 \\hspace{-1cm} 20}", "\\boxed{18 % 20\n}", "\\boxed{18%20\n}",
    "\\boxed{\\color{white}{18}20}", "\\boxed{\\textcolor{white}{20}18}",
    "\\boxed{18\u200b20}", "\\boxed{18}\u200b\\boxed{20}", "Answer: 18\u200b20", "\\boxed{18\u202e20}",
    "\\boxed{18\u20020}", "\\boxed{18\xa020}", "\\boxed{18\u2028}20", "Answer: 18\u2028Answer: 20",
    "Answer: 18\x0bAnswer: 20", "Answer: 18\x0cAnswer: 20", "Answer: 18\x85Answer: 20", "Answer: 18\rAnswer: 20",
    "<think>a</think>\\boxed{18}<think>b</think>\\boxed{20}", "<answer>18</answer><answer>20</answer>",
    "<answer>18</answer>\n\n<answer>20</answer>", "<answer>18<answer>20</answer></answer>",
    "<answer>18, 20</answer>", "<answer>18\n20</answer>", "<answer>18 or 20</answer>",
    "<answer>\n18\n\nAnswer: 20\n</answer>", "<answer>Answer: 18</answer>\nAnswer: 20",
    "Answer: 18\n<answer>20</answer>", "<answer>18</answer>\nAnswer: 20", "<answer>18</answer>\n#### 20",
    "#### 18\n<answer>20</answer>", "#### 18\n#### 20", "#### 18\nAnswer: 20", "Answer: 20\n#### 18",
    "Answer: 18\n\n#### 20", "Answer: 18\n\nFinal answer: 20", "**Final answer:** 18\n\n**Answer:** 20",
    "## Answer\n18\n\n## Answer\n20", "## Answer\n18\n## Final Answer\n20", "## Answer\n- 18\n- 20",
    "## Answer\n1. 18\n2. 20", "## Answer\n18\n20", "Answer:\n18\n20", "Answer:\n18\n\n20", "Answer:\n\n| 18 | 20 |",
    "| Answer | 18 |\n| Answer | 20 |", "| Answer | 18 | 20 |", "| Answer |\n|---|\n| 18 |\n| 20 |",
    "| Case | Answer |\n|---|---|\n| 1 | 18 |\n| 2 | 20 |", '{"answer": "18 or 20"}', '{"answer": "18"}\nAnswer: 20',
    'Answer: 18\n{"answer": 20}', '{"answer": 18}{"answer": 20}', '[{"answer": 18}, {"answer": 20}]',
    '{"answer": 18, "Answer": 20}', '{"answer": "18\\nAnswer: 20"}', '{"answers": [{"answer": 18}, {"answer": 20}]}',
    "答案：18\nAnswer: 20", "Answer: 20\n答案：18", "答案：18\n答案：20", "答案：18或20", "Antwort: 18\nRéponse: 20",
    "Réponse: 18\nAnswer: 20", "The answer is 18. La réponse est 20.", "答案是18，也可能是20",
    "Answer: 18. 答案：20", "The answer is 18. The answer is 20.", "The answer is 18 and the answer is 20.",
    "The answer is 18, or the answer is 20.", "The answer is 18; alternatively, the answer is 20.",
    "The answer is not 18. The answer is 20.", "The answer is 18? The answer is 20?", "The answer is 18?",
    "Answer: 18?", "Answer: 18 (?)", "Answer: 18 (maybe 20)", "Answer: 18 [20]", "Answer: 18 {20}",
    "Answer: 18 (20)", "Answer: (18)(20)", "Answer: 18 = 20", "Answer: x = 18, y = 20", "Answer: x=18 or 20",
    "Answer: either 18 or 20", "Answer: 18 unless it is 20", "Answer: 18, else 20", "Answer: one of 18, 20",
    "Answer: any of {18, 20}", "Answer: min(18, 20)", "Answer: [18, 20]", "Answer: 18..20", "Answer: 18 <= x <= 20",
    "Answer: 19 ± 1", "Answer: 19 \\pm 1", "\\boxed{19 \\pm 1}", "\\boxed{\\{18,20\\}}", "\\boxed{18,20}",
    "\\boxed{18 \\text{ or } 20}", "\\boxed{18 \\text{ (or } 20)}", "\\boxed{18\\ (20)}", "\\boxed{18 \\vee 20}",
    "\\boxed{18 \\mid 20}", "\\boxed{x \\in \\{18, 20\\}}", "\\boxed{\\begin{cases}18\\\\20\\end{cases}}",
    "\\boxed{\\begin{cases}18 & \\text{if red}\\\\20 & \\text{otherwise}\\end{cases}}", "\\boxed{18}\\boxed{20}",
    "\\boxed{18} \\boxed{20}", "\\boxed{18}\n\n\\boxed{20}", "\\boxed{18}, \\boxed{20}",
    "\\boxed{18} and/or \\boxed{20}", "\\boxed{18} (alternatively: \\boxed{20})",
    "\\boxed{18}, alternatively \\boxed{20}", "\\boxed{18} resp. \\boxed{20}", "\\boxed{18} versus \\boxed{20}",
    "\\boxed{18} vs. \\boxed{20}", "\\boxed{18} ... \\boxed{20}", "\\boxed{18} | \\boxed{20}",
    "\\boxed{18} = \\boxed{20}", "\\boxed{18} if even; \\boxed{20} if odd", "A: \\boxed{18} B: \\boxed{20}",
    "Answer 1: \\boxed{18}, Answer 2: \\boxed{20}", "First guess \\boxed{18}, second guess \\boxed{20}",
    "Option one: \\boxed{18}; option two: \\boxed{20}", "- \\boxed{18}\n- \\boxed{20}",
    "* \\boxed{18}\n* \\boxed{20}", "• \\boxed{18}\n• \\boxed{20}", "| \\boxed{18} | \\boxed{20} |",
    "| 1 | \\boxed{18} |\n| 2 | \\boxed{20} |", "\\boxed{18}\n---\n\\boxed{20}", "\\boxed{18}\n\nor\n\n\\boxed{20}",
    "\\boxed{18}\n\nAlternatively:\n\n\\boxed{20}", "\\boxed{18}\n\nIt could also be \\boxed{20}",
    "\\boxed{18} could also be \\boxed{20}", "\\boxed{18} might be right, or it is \\boxed{20}",
    "Probably \\boxed{18}, possibly \\boxed{20}", "Either \\boxed{18} is right or \\boxed{20} is.",
    "I think \\boxed{18} but maybe \\boxed{20}.", "With 60% \\boxed{18}, with 40% \\boxed{20}",
    "\\boxed{18} (60%) \\boxed{20} (40%)", "\\boxed{18} [60%], \\boxed{20} [40%]",
    "\\boxed{18}. It could also be 20.", "\\boxed{18}. Alternatively, 20.",
    "\\boxed{18}. Another possible answer is 20.", "\\boxed{18}. If not, then 20.",
    "\\boxed{18}. The answer might be 20.", "\\boxed{18}, and 20 is possible too.", "\\boxed{18} / 20",
    "\\boxed{18}, 20", "\\boxed{18} 20", "\\boxed{18} = 20", "\\boxed{18}\n20", "18, \\boxed{20}",
    "18 / \\boxed{20}", "\\boxed{18} and 20", "Answer: 18\n\\boxed{20}", "\\boxed{20}\nAnswer: 18",
    "\\boxed{18}\n\nFinal answer: \\textbf{20}", "\\boxed{18}\n<answer>20</answer>",
    "<answer>18</answer>\n\\boxed{20}", '\\boxed{18}\n{"answer": 20}', "\\boxed{18}\n答案：20",
    "```\n\\boxed{20}\n```\n\\boxed{18}", "`\\boxed{18}` \\boxed{20}", "\\verb|\\boxed{18}| \\boxed{20}",
    "18 or 20", "18, 20", "The answer is 18 or so.", "Answer: 18ish",
    "Answer: 18+", "Answer: 18-", "Answer: 18…", "Answer: >18", "Answer: <18", "Answer: 18 apples minus some",
    "Answer: roughly 18", "Answer: 18 (not)", "Answer: 18, not!", "Answer: 18. Not!", "Answer: 18. Just kidding.",
    "Answer: 18. JK", "Answer: 18 lol no", "Answer: 18 is wrong", "Answer: 18 is what Bob says",
    "Answer: Bob says 18", "Answer: 18 according to Bob", "Answer: I refuse to answer 18", "Answer: unknown (18)",
    "Answer: N/A 18", "Answer: 18?!", "Answer: 18 - no, 20", "Answer: 18, no wait, 20", "Answer: 18, scratch that",
    'Answer: "18" is a number', "Answer: The number 18 is even", "Answer: see 18 above", "Answer: page 18",
    "Answer: 18th", "Answer: No. 18", "Answer: #18", "Answer: it is more like 18", "Answer: 18 might be it",
    "Answer: 18 possibly", "Answer: 18 of 20", "Answer: 18 out of 20", "Answer: 18 from 20",
    "Answer: the first of 18, 20", "Answer: twice 9 or 18", "Answer: not less than 18", "Answer: no fewer than 18",
    "Answer: 18 or more", "Answer: 18 and up", "Answer: 18 at most", "Answer: 18 at the very least",
    "Answer: up to 18", "Answer: 18 give or take 2", "Answer: 18 plus or minus 2", "Answer: 18 (±2)",
    "Answer: 18 ± 2", "Answer: between 18 and 18", "Answer: a number like 18", "Answer: an even number such as 18",
    "Answer: 18 if lucky", "Answer: 18 mod 20", "Answer: 18 (mod 20)",
]  # fmt: skip
# One value that is declared, beside another that is struck out, hidden, thought or corrected.
DECLARED_ONCE = [
    "Answer: ~~20~~ 18", "Answer: 18 ~~20~~", "Answer: <del>18</del>20", "Answer: <s>18</s> 20",
    "Answer: <!-- 18 -->20", "Answer: 18<!-- 20 -->", "[//]: # (\\boxed{18})\n\\boxed{20}", "\\boxed{18\\iffalse 20 \\fi}",
    "<think>\\boxed{20}</think>\\boxed{18}<think>\\boxed{20}</think>", "\\boxed{18}<think>\\boxed{20}",
    "\\boxed{18}</think>\\boxed{20}", "<THINK>\\boxed{20}</THINK>\\boxed{18}",
    "<thinking>\\boxed{18}</think>\\boxed{20}", "<reflection>\\boxed{20}</reflection>\\boxed{18}",
    "[think]\\boxed{20}[/think] \\boxed{18}", "<think\n>\\boxed{20}</think>\\boxed{18}",
    "<think id=1>\\boxed{20}</think>\\boxed{18}", "<scratch>\\boxed{20}</scratch>\\boxed{18}",
    "<analysis>\\boxed{20}</analysis>\\boxed{18}", "<answer>18</answer> text <answer>20</answer>",
    "~~\\boxed{18}~~ \\boxed{20}",
    "\\boxed{20} ~~\\boxed{18}~~", "<!-- \\boxed{18} --> \\boxed{20}", "\\boxed{20} <!-- \\boxed{18} -->",
    "<details>\\boxed{18}</details>\\boxed{20}", "<span style='display:none'>\\boxed{20}</span>\\boxed{18}",
    "<div hidden>\\boxed{20}</div>\\boxed{18}", "% \\boxed{20}\n\\boxed{18}",
    "\\iffalse \\boxed{18} \\fi \\boxed{20}", "Answer: 18 in base 20",
]  # fmt: skip
LETTERS = [
    "A or B", "A, B", "A/B", "Answer: A/B", "Answer: A B", "Answer: AB", "Answer: A|B", "Answer: A & B",
    "Answer: A and B", "Answer: A\nAnswer: B", "Answer: B\nAnswer: A", "Answer: B (or A)", "Answer: B (A)",
    "Answer: B, A", "Answer: not A", "Answer: B? A?", "Answer: B?", "Answer: B or maybe A", "\\boxed{A}\\boxed{B}",
    "\\boxed{AB}", "\\boxed{A,B}", "\\boxed{B (or A)}", "\\boxed{\\text{A or B}}", "\\boxed{A \\text{ or } B}",
    "\\boxed{B/A}", "Option A is correct. Option B is correct.", "Option A is correct.\nOption B is correct.",
    "I choose A. I choose B.", "I choose B or A.", "I choose either A or B", "It is B unless it is A.", "✅ A\n✅ B",
    "✅ B. 97\n✅ A. 91", "**A**\n**B**", "**B**\n**A**", "A\nB", "B\nA", "A. 91\nB. 97\nC. 99\nD. 93",
    "Answer: 91 or 97", "Answer: 97 or 91", "97, 91", "All of A, B, C, D", "Answer: all of the above",
    "Answer: B, C, D or A", "Answer: A) B)", "Answer: A. 97", "Answer: B. 91", "\\boxed{A. 97}", "\\boxed{B. 91}",
    "Answer: B is wrong", "Answer: B is not prime", "B is incorrect", "Not B", "Answer: neither B",
    "Only B or A is prime.", "Only B and A are prime.", "Only A is prime. Only B is prime.",
    "Answer: A; final answer: B; final answer: A", "选A或B", "故选AB", "答案：A或B", "答案：A\n答案：B",
    '{"answer": "A", "answer": "B"}', '{"answer": "AB"}', '{"answer": ["A","B"]}',
    "<answer>A</answer><answer>B</answer>", "Answer: B ❌", "Answer: B 🤔", "\\boxed{B}? A!", "Answer: A ~~B~~ B",
    "So it's A. So it's B.", "So it's B, or A.", "Hence, option B\nHence, option A", "[A] [B]", "[[A]] [[B]]",
    "`A` `B`", "$A$ $B$", "A|B|C|D", "| Answer |\n|---|\n| A |\n| B |", "| Answer | A |\n| Answer | B |",
    "Answer: `B` or `A`", "Answer: B (unlikely)", "Answer: B with 60%, A with 40%", "Answer: B 60% A 40%",
    "B: 60%, A: 40%", "Answer - A - B", "Answer - B - A", "Answer: the letter after A", "Answer: B−", "Answer: B+",
    "Answer: Bb", "Answer: B.A", "Answer: (B)(A)", "Answer: {A,B}",
]  # fmt: skip
VERDICTS = [
    "yes or no", "yes, no", "yes/no", "Answer: yes/no", "Answer: yes and no", "Answer: yes\nAnswer: no",
    "Answer: no. Answer: yes", "Answer: no, yes", "Answer: no (yes)", "Answer: No (or yes)", "Answer: no?",
    "Answer: maybe no", "Answer: no, but yes", "\\boxed{yes}\\boxed{no}", "\\boxed{yes/no}", "\\boxed{no} or yes",
    "yes or \\boxed{no}", "\\boxed{no}\n\nAnswer: yes", "\\boxed{no}. Wait, yes.", "\\boxed{no}? Not sure.",
    "<answer>yes</answer><answer>no</answer>", '{"answer": "yes"}\n{"answer": "no"}', "yes\nno", "no\nyes",
    "No\n\nYes", "**Yes** **No**", "Answer: yesno", "Answer: No, unless 91 is prime, then yes.", "Answer: not yes",
    "Answer: n/y", "Answer: true/false", "Answer: No. Actually yes.", "Answer: no 🤷", "No is wrong",
    "Answer: No is the wrong answer", "Answer: no idea", "Answer: No answer", "Answer: no comment", "no way to know",
    "Answer: no way to know",
]  # fmt: skip
OUTPUTS = [
    "Output: `1`\nOutput: `2`", "```\n1\n```\n```\n2\n```", "Output:\n```\n1\n```\nOutput:\n```\n2\n```",
    "The output is `1` or `2`", "The output is 1. The output is 2.", "It prints 1 or 2", "It prints 1, or 2",
    "\\boxed{1}\\boxed{2}", "\\boxed{1} or 2", "\\boxed{1}\n\nAnswer: 2", "Answer: 1|2", "Answer: `1` `2`",
    "It might print 1", "It prints 1? It prints 2?", "It prints 1 on Python 2, and 2 on Python 3",
    "The output is 2 (or 1)", "The output is `1` (`2` on Windows)", "Output:\n```\n1\n```\nor\n```\n2\n```",
    "Output: 1\n\nOr maybe the output is 2", "It prints 1\n\nIt prints 2", "It does not print 1",
    "The output is not 1", "The output is 1 if x else 2", "\\boxed{\\verb|1|2|}", "\\boxed{\\verb|1| \\verb|2|}",
]  # fmt: skip
PARTS = [
    "Part 1: 42\nPart 2: 7\nPart 2: 8", "Part 1: 42\nPart 2: 7 or 8", "Part 1: 42\nPart 2: 7\n\nPart 2: 8",
    "Part 1: 42\nPart 2: \\boxed{7}\\boxed{8}", "Part 1: 42\nPart 2: 7, 8", "Part 1: 42\nPart 2: 7\n8",
    "Part 1: 42\nPart 2:\n- 7\n- 8", "1. 42\n2. 7\n2. 8", "1. 42\n2. 7\n1. 42\n2. 8", "(a) 42\n(b) 7\n(b) 8",
    '{"part1": 42, "part2": 7, "part2": 8}', '{"part1": 42, "part2": [7, 8]}', '{"part1": 42, "part2": "7 or 8"}',
    '{"part1": 42, "part2": 7}\n{"part1": 42, "part2": 8}', '{"answers": [42, [7, 8]]}', '{"answers": [42, 7, 8]}',
    "Part 1: 42\nPart 2: 7\n\nFinal answers: 42, 8", "Part 1: 42\nPart 2: 7\nSummary:\n1. 42\n2. 8",
    "Part 1: 42\nPart 2: 7\nPart B: 8", "| 1 | 42 |\n| 2 | 7 |\n| 2 | 8 |", "\\boxed{42}\n\\boxed{7}\n\\boxed{8}",
    "\\boxed{42}\n\\boxed{7} or \\boxed{8}",
    "The answer to Part 1 is 42.\nThe answer to Part 2 is 7.\nThe answer to Part 2 is 8.",
    "The answer to Part 1 is 42.\nThe answer to Part 2 is 7 or 8.",
    "\\boxed{42} is the answer to Part 1.\n\\boxed{7} is the answer to Part 2 or \\boxed{8}.",
    "First part: 42\nSecond part: 7\nSecond part: 8", "Part 1: 42\nPart 2: 7 (or 8)",
    "Part 1: 42, Part 2: 7, Part 2: 8", "Part 1: 42; Part 2: 7 | 8", "Part 1: 42\nPart 2: 7\nAnswer: 8",
    "Part 1: 42\nPart 2: \\boxed{7}\nAnswer: 8", "Part 1: 42\nPart 2: Answer: 7\n<answer>8</answer>",
    "Part 1: 42\nPart 2: 7\n#### 8", "[Part 1] 42\n[Part 2] 7\n[Part 2] 8",
]  # fmt: skip


@pytest.mark.parametrize("response", NUMBERS)
def test_no_number_is_paid(response: str) -> None:
    for gold in ("17", "18", "19", "20", "1", "8", "2", "38", "360"):
        assert not verify(response, Problem("How many apples are there?", gold)).correct, gold


@pytest.mark.parametrize("response", DECLARED_ONCE)
def test_no_response_is_paid_for_two_gold_answers(response: str) -> None:
    golds = ("17", "18", "19", "20", "1", "8", "2", "38", "360")
    assert sum(verify(response, Problem("How many apples are there?", gold)).correct for gold in golds) == 1


@pytest.mark.parametrize("response", LETTERS)
def test_no_letter_is_paid(response: str) -> None:
    prompt = "Which of these numbers is prime?\nA. 91\nB. 97\nC. 99\nD. 93"
    for gold in "ABCD":
        assert not verify(response, Problem(prompt, gold, verifier="choice")).correct, gold


@pytest.mark.parametrize("response", VERDICTS)
def test_no_verdict_is_paid(response: str) -> None:
    for gold in ("yes", "no"):
        assert not verify(response, Problem("Is 91 prime?", gold, verifier="exact")).correct, gold


@pytest.mark.parametrize("response", OUTPUTS)
def test_no_output_is_paid(response: str) -> None:
    for gold in ("1", "2"):
        problem = Problem("What does it print?", gold, verifier="exact", domain="code")
        assert not verify(response, problem).correct, gold


@pytest.mark.parametrize("response", PARTS)
def test_no_two_answers_to_a_part_are_paid(response: str) -> None:
    for gold in ("7", "8"):
        assert not verify(response, bundle(Problem("6 * 7?", "42"), Problem("3 + 4?", gold))).correct, gold
