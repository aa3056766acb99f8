"""The styles in which models state an answer, each for numbers, letters, verdicts, outputs and parts."""

from __future__ import annotations

import pytest

from composekit.compose import Problem, bundle, chain, verify

BEFORE = "First we add.\n\nThen we are done.\n\n"
APPLES = Problem("How many apples are there?", "18")
OPTIONS = Problem("Which of these numbers is prime?\nA. 91\nB. 97\nC. 99\nD. 93", "B", verifier="choice")
VERDICT = Problem("Is 91 prime?", "no", verifier="exact")
PRINTED = Problem("What does it print?", "[1, 2]", verifier="exact", domain="code")
SUMS = bundle(Problem("What is 6 times 7?", "42"), Problem("What is 3 + 4?", "7"))
MIXED = bundle(Problem("What is 6 times 7?", "42"), VERDICT)
CHAIN = chain(
    Problem("Tom has 20 apples and buys 22 more. How many has he?", 42),
    Problem("A box holds 45 eggs and 5 break. How many are left?", 40),
)
# The answer stands in place of @.
STYLES = [
    "Let's think step by step.\n\n12 + 6 = 18\n\nThe answer is @.", "**Step 1:** 12+6\n\n**Final Answer:** @",
    "### Final Answer\n\\boxed{@}", "Therefore, the final answer is $\\boxed{@}$.",
    "The final answer is: $\\boxed{@}$", "So, the total is $\\boxed{@}$.\n\n**Explanation:** We added.",
    "\\[\n\\boxed{@}\n\\]\n\nThus the answer is @.", "\\[\\boxed{@}\\]\n\n**Answer:** @",
    "**Answer:** @\n\n\\[\\boxed{@}\\]", "Answer: @\n\n$\\boxed{@}$", "#### @", "#### @\n",
    "... <<12+6=18>>18\n#### @", "Answer: $\\boxed{@}$", "<answer>@</answer>", "<answer>\n@\n</answer>",
    "<answer>\\boxed{@}</answer>", "<think>hm</think>\n\n<answer>@</answer>",
    "<think>hm</think>\n\nThe answer is \\boxed{@}.",
    "<think>\nhm\n</think>\n\n**Solution**\n\n1. x\n2. y\n\n**Answer:** $\\boxed{@}$",
    "hm</think>The answer is \\boxed{@}", "\\boxed{@}", "$$\\boxed{@}$$", "Final answer: **@**",
    "**Final answer: @**", "✅ Final answer: **@**", "➡️ **Answer: @**", "👉 Answer: @", "🎯 **Final Answer:** @",
    "## Final Answer\n\n**@**", "### 🎯 Final Answer\n\n**@**", "---\n\n### ✅ Final Answer: **@**\n\n---",
    "> **Final Answer:** @", "- **Answer:** @", "The answer is **@**.",
    "Hence, the answer is **@**.\n\nLet me know if you'd like more detail!", "So the answer is **@**! 🎉",
    "The answer is @. I hope it is correct.", "Final Answer: The final answer is $@$. I hope it is correct.",
    "Therefore, the answer is \\(\\boxed{@}\\).", "Thus, \\(\\boxed{@}\\) is the answer.", "\\(\\boxed{@}\\)",
    "The correct answer is: @", "ANSWER: @", "answer: @", "The answer: @", "Our final answer is @.",
    "My final answer is @.", "I get @ as the final answer.", "So we have @ as our answer.",
    "Therefore @ is the answer.", "Result: **@**", "**Result:** @", "Final result: @", "```\n\\boxed{@}\n```",
    '```json\n{"answer": "@"}\n```', '{"answer": "@"}', '{"explanation": "x", "final_answer": "@"}',
    "The final answer is $\\boxed{@}$<|im_end|>", "The final answer is $\\boxed{@}$</s>",
    "<|channel|>final<|message|>The answer is \\boxed{@}<|return|>",
    "<|begin_of_solution|>\nThe answer is \\boxed{@}\n<|end_of_solution|>", "**Conclusion:** The answer is @.",
    "In conclusion, the answer is **@**.", "To summarize, the final answer is @.", "Answer = @", "Answer → @",
    "Ans: @", "**Ans:** @", "**Solution:** @", "The solution is @.", "| Answer |\n|---|\n| @ |", "| Answer | @ |",
    "答案：@", "答案是 **@**。", "因此，答案是 $\\boxed{@}$。", "因此，最终答案是 @。", "所以答案为@。",
    "**答案**\n\n$$\\boxed{@}$$", "La respuesta es @.", "La réponse est @.", "Die Antwort lautet @.", "Ответ: @",
    "Jawaban: @", "정답: @", "答え: @", "Answer: @ ✅", "Answer: @ ✔️", "\\boxed{@} ✅", "\\boxed{@}\n\n✅",
    "\\boxed{@}\n\nThis matches the given information.", "\\boxed{@}\n\nLet me know if you have any questions!",
    "\\boxed{@}\n\n**Verification:** 12 + 6 gives it.",
    "\\boxed{@}\n\nWait, let me double-check this. 12 plus 6. Yes, it is correct.",
    "$\\boxed{@}$ is the final answer.", "\\boxed{@}.", "\\boxed{@}!", "The answer is \\boxed{@}, as required.",
    "The answer is \\boxed{@} (approximately).", "Final Answer:\n\\[ \\boxed{@} \\]", "Final Answer:\n\n$$@$$",
    "**Final Answer**\n\nThe final answer is $\\boxed{@}$",
    "The final answer is: @\n\n(This is the value asked for.)", "Answer: @\n\n*Explanation:* we add 12 and 6.",
    "Answer: @\nReasoning: we add.", "Answer: @, because we add the two.", "Answer: @ (as computed above)",
    "Answer: @ (see above)", "Answer (final): @", "Final Answer (boxed): \\boxed{@}",
    "The answer to the question is @.", "The answer to this problem is \\boxed{@}.",
    "Hence the required value is @.\n\n\\boxed{@}", "<final_answer>@</final_answer>", "<final>@</final>",
    "The answer is: [@]", "Answer: `@`", 'Answer: "@"', "Answer: **\\(@\\)**", "Answer: *@*", "__Answer:__ @",
    "<b>Answer:</b> @", "<p>The answer is <strong>@</strong>.</p>", "\\text{Answer: } @", "\\textbf{Answer: } @",
    "\\boxed{\\text{Answer: } @}", "Thus, the answer is\n\n**@**", "Thus, the answer is:\n\n@", "the answer is @",
    "therefore the answer is @", "So @ is our final answer.", "Final numerical answer: @", "Final Answer ➜ @",
    "Answer:@", "Answer :@", "Answer : @", "**Answer :** @", "Q.E.D. The answer is @.", "That gives us \\boxed{@}",
    "[ANSWER]\n@\n[/ANSWER]", "<|begin_of_box|>@<|end_of_box|>", "\\[ \\textbf{Answer: } \\boxed{@} \\]",
    "Answer: @.", "The answer should be \\boxed{@}.", "I believe the answer is \\boxed{@}.",
    "So the answer must be @.", "Hence the answer would be @.", "Then the answer equals @.",
]  # fmt: skip
NO_LETTERS = frozenset([

])  # fmt: skip
NO_VERDICTS = frozenset([
    "I get @ as the final answer.", "So we have @ as our answer.", "Therefore @ is the answer.",
    "The answer is: [@]", "So @ is our final answer.",
])  # fmt: skip
OUTPUTS = [
    "The output is `@`.", "The program prints `@`.", "Output:\n```\n@\n```", "The output will be:\n\n```\n@\n```",
    "So the output is:\n\n```python\n@\n```", "**Output:**\n```\n@\n```", "**Output**\n\n```\n@\n```",
    "### Output\n\n```text\n@\n```\n", "The final output is:\n```\n@\n```\nHope this helps!",
    "The function returns `@`.", "It returns @.", "So the code will print: @", "The printed value is @.",
    "Therefore the code outputs `@`.", "**Output: `@`**", "The output of the program is `@`.", "Final output: `@`",
    "The final output is:\n\n`@`", "Result: `@`", "The answer is:\n```\n@\n```\n\nExplanation: we trace.",
    "\\boxed{\\texttt{@}}", "\\boxed{\\text{@}}", "\\boxed{\\mathtt{@}}", "\\boxed{\\verb|@|}", "\\boxed{`@`}",
]  # fmt: skip
PARTS = [
    "Part 1: @1\nPart 2: @2", "**Part 1:** @1\n\n**Part 2:** @2",
    "### Part 1\nWe multiply.\n**Answer:** @1\n\n### Part 2\nWe check.\n**Answer:** @2",
    "## Part 1\n\\boxed{@1}\n\n## Part 2\n\\boxed{@2}",
    "**Part 1**\n\nThe answer is @1.\n\n---\n\n**Part 2**\n\nThe answer is @2.", "Part 1\n\n@1\n\nPart 2\n\n@2",
    "1. @1\n2. @2", "**1.** @1\n**2.** @2", "(1) @1\n(2) @2", "1) @1\n\n2) @2", "- Part 1: @1\n- Part 2: @2",
    "* **Part 1:** @1\n* **Part 2:** @2", "| Part | Answer |\n|---|---|\n| 1 | @1 |\n| 2 | @2 |",
    "Answer to Part 1: @1\nAnswer to Part 2: @2",
    "**Answer to Part 1:** $\\boxed{@1}$\n**Answer to Part 2:** $\\boxed{@2}$",
    "Part 1 answer: @1\nPart 2 answer: @2", "The answer to Part 1 is @1.\nThe answer to Part 2 is @2.",
    "For Part 1, the answer is \\boxed{@1}.\nFor Part 2, the answer is \\boxed{@2}.",
    "In Part 1 we get \\boxed{@1}. In Part 2 we get \\boxed{@2}.",
    "Part 1: \\boxed{@1}\n\nPart 2: \\boxed{@2}\n\n**Final answers:**\n1. @1\n2. @2",
    "Part 1: \\boxed{@1}\n\nPart 2: \\boxed{@2}\n\nSummary:\n- Part 1: @1\n- Part 2: @2", "Part 1: @1; Part 2: @2",
    "Part 1: @1 | Part 2: @2", "Part 1 = @1, Part 2 = @2", "<answer>\nPart 1: @1\nPart 2: @2\n</answer>",
    "Question 1: @1\nQuestion 2: @2", "**Question 1**\n\\boxed{@1}\n\n**Question 2**\n\\boxed{@2}",
    "Problem 1: @1\nProblem 2: @2", "Q1. @1\nQ2. @2", "Answer 1: @1\nAnswer 2: @2",
    "First part: @1\nSecond part: @2", "First question: \\boxed{@1}\nSecond question: \\boxed{@2}",
    "\\boxed{@1}\n\\boxed{@2}", "(a) @1\n(b) @2", "a) @1\nb) @2", "**(a)** @1\n**(b)** @2",
    "Part (a): @1\nPart (b): @2", "Part A: @1\nPart B: @2", "Part I: @1\nPart II: @2", "Part One: @1\nPart Two: @2",
    "Part #1: @1\nPart #2: @2", "Part 1/2: @1\nPart 2/2: @2", "[Part 1] @1\n[Part 2] @2",
    "**[Part 1]**\n@1\n**[Part 2]**\n@2", "Part 1 → @1\nPart 2 → @2", "Part 1 - @1\nPart 2 - @2",
    "Part 1. @1\nPart 2. @2", "Part 1) @1\nPart 2) @2", "Part 1 (multiplication): @1\nPart 2 (primes): @2",
    "Part 1: Multiplication\n@1\nPart 2: Primes\n@2",
    "### Part 1: Multiplication\nWe multiply, so the answer is @1.\n\n### Part 2: Primes\nWe check, so the answer is @2.",
    '{"part1": "@1", "part2": "@2"}', '```json\n{"Part 1": "@1", "Part 2": "@2"}\n```', '{"answers": ["@1", "@2"]}',
    '{"answer": ["@1", "@2"]}', "Part 1: @1\nPart 2: @2\n\nLet me know if you need more!",
    "**Final Answer:**\n\nPart 1: @1\n\nPart 2: @2", "**Final Answers**\n- **Part 1:** @1\n- **Part 2:** @2",
    "Part 1:\n\\[\n\\boxed{@1}\n\\]\nPart 2:\n\\[\n\\boxed{@2}\n\\]",
    "$\\textbf{Part 1:}$ @1\n$\\textbf{Part 2:}$ @2", "\\textbf{Part 1.} @1\n\n\\textbf{Part 2.} @2",
    "✅ Part 1: @1\n✅ Part 2: @2", "Part 1 ✅: @1\nPart 2 ✅: @2",
]  # fmt: skip
CHAINS = [
    "X = 42. Y = 45.\n\nSo 45 - 5 = 40. \\boxed{40}",
    "**Step 1:** X = 42\n\n**Step 2:** Y = X + 3 = 45\n\n**Step 3:** 45-5 = 40\n\n**Final Answer:** 40",
    "First, $X = \\boxed{42}$. Then $Y = 45$, and the answer is $\\boxed{40}$.",
    "Part 1: \\boxed{42}\nY = 45\nPart 2: \\boxed{40}\nFinal answer: \\boxed{40}",
    "## First problem\nAnswer: 42\n\n## Second problem\nAnswer: 40",
    "The answer to the first problem is 42, so X = 42.\n\nThe final answer is 40.", "X = 42\n\nY = 45\n\nAnswer: 40",
    "<answer>40</answer>", "#### 40", "Part 1: X = 42.\nPart 2: Y = 45, so 40 eggs are left.\n\n**Answer: 40**",
    "**Problem 1:** 42\n**Problem 2:** 40\n\nFinal: \\boxed{40}",
    "\\[ X = 42 \\]\n\\[ Y = 45 \\]\n\\[ \\boxed{40} \\]", "So 40 eggs are left.\n\nThe answer is 40 eggs.",
    "### Solution\n- X = 42\n- Y = 45\n- Remaining = **40**\n\n✅ **Final answer: 40 eggs**",
    '```json\n{"X": 42, "Y": 45, "answer": 40}\n```', "Final Answer: The number of eggs left is \\(\\boxed{40}\\).",
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
def test_a_number_a_letter_and_a_verdict_in_every_style(style: str) -> None:
    assert verify(BEFORE + style.replace("@", "18"), APPLES).correct
    assert not verify(BEFORE + style.replace("@", "19"), APPLES).correct
    if style not in NO_LETTERS:
        assert verify(BEFORE + style.replace("@", "B"), OPTIONS).correct
    assert not verify(BEFORE + style.replace("@", "A"), OPTIONS).correct
    if style not in NO_VERDICTS:
        assert verify(BEFORE + style.replace("@", "no"), VERDICT).correct
    assert not verify(BEFORE + style.replace("@", "yes"), VERDICT).correct


@pytest.mark.parametrize("style", OUTPUTS)
def test_an_output_in_every_style(style: str) -> None:
    assert verify(BEFORE + style.replace("@", "[1, 2]"), PRINTED).correct
    for other in ("[1,2]", "[1, 3]", "(1, 2)"):
        assert not verify(BEFORE + style.replace("@", other), PRINTED).correct


@pytest.mark.parametrize("style", PARTS)
def test_the_answers_of_a_bundle_in_every_style(style: str) -> None:
    def said(one: str, two: str) -> str:
        return BEFORE + style.replace("@1", one).replace("@2", two)

    assert verify(said("42", "7"), SUMS).correct
    assert verify(said("42", "no"), MIXED).correct
    for wrong in (("7", "42"), ("41", "7"), ("42", "8")):
        assert not verify(said(*wrong), SUMS).correct, wrong
    assert verify(said("42", "40"), CHAIN).correct or style.startswith('{"answer":')  # which is a list there
    for wrong in (("40", "42"), ("42", "41")):
        assert not verify(said(*wrong), CHAIN).correct, wrong


@pytest.mark.parametrize("response", CHAINS)
def test_the_last_answer_of_a_chain_in_every_style(response: str) -> None:
    assert verify(response, CHAIN).correct
    assert not verify(response.replace("40", "41"), CHAIN).correct
