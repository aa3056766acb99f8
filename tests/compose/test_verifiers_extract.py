"""Which part of a response is its answer."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit.compose.verifiers.boxes import outer_boxes
from composekit.compose.verifiers.extract import MAX_RESPONSE, final_answer
from composekit.compose.verifiers.surroundings import why_not_shown
from composekit.compose.verifiers.thinking import without_thinking


@pytest.mark.parametrize(
    ("response", "answers"),
    [
        (r"\boxed{7}", ("7",)), (r"\boxed {7}", ("7",)), (r"\boxed{\frac{1}{2}}", (r"\frac{1}{2}",)),
        (r"\boxed{\{1,2\}}", (r"\{1,2\}",)),
        (r"\boxed{\text{a } b}", (r"\text{a } b",)), (r"\\boxed{7}", ("7",)), (r"\boxed72", ("72",)),
        (r"\boxed\frac12", (r"\frac12",)),
        (r"\boxed{-7}", ("-7",)), (r"\boxed-7", ("-7",)), (r"\boxed{1}\boxed{2}", ("1", "2")),
        (r"\boxed{1} & \boxed{2}", ("1", "2")),
        (r"\boxed{1}, \text{ and } \boxed{2}", ("1", "2")), (r"\boxed{1}$$ or $$\boxed{2}", ("1", "2")),
        (r"\boxed{1} so \boxed{2}", ("2",)),
        (r"\fbox{1} or \boxed{2}", ("1", "2")), (r"a } b } \boxed{3}", ("3",)), (r"{ { \boxed{3}", ("3",)),
        (r"put it in \boxed. Then 3.", ()),
        (r"\boxed{1} " + "x" * 100 + r" \boxed{2}", ("2",)), (r"\boxedx{7}", ()), (r"\boxed{a \{ b}", (r"a \{ b",)),
    ],
)  # fmt: skip
def test_final_answer_finds_the_last_run_of_boxes(response: str, answers: tuple[str, ...]) -> None:
    found = final_answer(response)
    assert found.answers == answers if found.source == "box" else not answers


@pytest.mark.parametrize(
    ("response", "kept"),
    [
        ("<think>a</think>b", "b"), ("a<think>b</think>c", "a c"), ("a</think>b", "b"), ("<think>a", ""),
        ("a<think>b", "a"),
        ("<think>a<think>b</think>c", "c"), ("<think>a</think>b</think>c", "c"), ("<Thinking>a</thinking>b", "b"),
        ("a < b", "a < b"),
        ("<think >a</ think>b", "b"), ("a<think>b</think>c<think>d</think>e", "a c e"), ("thinking a", "thinking a"),
        ("x<think>a</think>b</think>c", "c"), ("[THINK]a[/THINK]b", "b"), ("[THINK]a", ""), ("◁think▷a◁/think▷b", "b"),
        ("<thought>a</thought>b", "b"), ("<reasoning>a</reasoning>b", "b"), ("<seed:think>a</seed:think>b", "b"),
        ("<longcat_think>a</longcat_think>b", "b"), ("<scratchpad>a", ""), ("[think] a", ""),
        ("<|begin_of_thought|>a<|end_of_thought|>b", "b"), ("a<|end_of_thought|>b", "b"),
        ("<|channel|>analysis<|message|>a<|end|>", ""),
        ("<|channel|>analysis<|message|>a<|end|><|start|>assistant<|channel|>final<|message|>b", "b"),
        ("I was thinking [of a] reason", "I was thinking [of a] reason"),
    ],
)  # fmt: skip
def test_without_thinking_removes_think_sections(response: str, kept: str) -> None:
    assert without_thinking(response).split() == kept.split()


@pytest.mark.parametrize(
    ("response", "answers"),
    [
        ("The answer is 7.", ("7.",)), ("So, the final answer is: $7$", ("$7$",)), ("Answer: 7 apples", ("7 apples",)),
        ("the answer to part (b) is 7", ("7",)), ("ANSWER = 7", ("7",)), ("We get 3. The answer is 7", ("7",)),
        ("answer：7", ("7",)),
        ("#### 7", ("7",)), ("#### 7\n\n#### 8", ("7", "8")), ("#### 7\nso\n#### 8", ("8",)),
        ("Answer: 7\nAnswer: 8", ("7", "8")),
        ("#### Check\nFinal answer: 7", ("7",)), ("#### 6\nThe answer is 7", ("6", "7")),
        ("The correct option is (B).", ("(B).",)),
        ("## Answer\n7", ("7",)), ("**Final Answer**\n\n\\[\n7\n\\]", ("7",)), ("Answer:\n\n7", ("7",)),
    ],
)  # fmt: skip
def test_final_answer_reads_answer_lines(response: str, answers: tuple[str, ...]) -> None:
    found = final_answer(response)
    assert (found.source, found.answers) == ("marker", answers)


@pytest.mark.parametrize(
    "response",
    ["The answer is 7.\nI am sure.", "It is not true that the answer is 7", "If the answer is 7, then x = 1",
    "the answer might be 7",
     "I doubt that the answer is 7", "The answers are 7", "No answer.\nBut 7 appears.", "The previous answer is 7", "",
     "   "],
)  # fmt: skip
def test_final_answer_takes_no_doubtful_or_earlier_statement(response: str) -> None:
    assert final_answer(response).source in ("none", "bare")


@pytest.mark.parametrize(
    ("response", "answers"),
    [
        ("Answer: 18\n\nLet me know if you have any questions!", ("18",)),
        ("**Answer: 18**\n\nI hope this helps!", ("18",)),
        ("The final answer is 18.\n\nCheck: 9 + 9 = 18.", ("18.",)),
        ("Answer:\n\n18\n\n**Explanation:**\nIt is 9.\nTwice.", ("18",)),
        ("Answer: 18\n\nThis is because 9 + 9 = 18.\n\nHope that helps.", ("18",)),
        ("18\n\nExplanation: it is twice 9.", ("18",)),
        ("<answer>18</answer>\n\nThank you!", ("18",)), ("<answer>18</answer>\nExplanation: twice 9", ("18",)),
        ("Steps:\n9 + 9\n\nAnswer: 18\n\n### Verification\n18 - 9 = 9", ("18",)),
        ("Answer: 18\n\nCheck: wait, it is 19.", ()), ("Answer: 18\n\nExplanation: the answer is 19.", ("18", "19.")),
        ("Answer: 18\n\nExplanation: the answer is 19.\nSo.", ()), ("Answer: 18\n\nIt is 19.", ()),
        ("Answer: 18\n\nI hope this helps, or is it 19?", ()), ("It is 18.\n\nExplanation: twice 9", ("It is 18.",)),
        ("First 9.\nThen 18.\n\nExplanation: twice 9", ()), ("Answer: 18\n\nQuestion: What is 4 + 5?\n9", ()),
        ("Answer: 18\n\nExplanation: She had to wait, so by mistake the final score rather was 18.", ("18",)),
        ("Answer: 18\n\nCheck: 9 + 9 is 18. Wait, it is 19.", ()), ("Answer: 18\n\nCheck: actually, 19.", ()),
        ("**Answer: 18**\n\nJanet makes $18 every day.", ("18",)), ("Answer: 18\n\nJanet makes $19 every day.", ()),
        ("Answer: $1,800\nSo it is 1800 in all.\nHope this helps!", ("$1,800",)), ("Answer: 18\n\nIt is not 18.", ()),
        ("Answer: 18\n\nShe makes at least 18.", ()), ("Answer: 18\n\nIt is 18 or 19.", ()),
        ("Answer: 18\nAnswer: 17\nIt is 17.", ("18", "17")),
        ("Answer: 18\n\nExplanation: it may be 19.", ()), ("Let me know\nplease", ()),
    ],
)  # fmt: skip
def test_courtesies_and_explanations_may_follow_an_answer(response: str, answers: tuple[str, ...]) -> None:
    found = final_answer(response)
    assert found.answers == answers or (not answers and found.source in ("none", "bare"))


@pytest.mark.parametrize("answer", ["Answer: 18", "Nine times two.\n\n**Answer:** $18$"])
@pytest.mark.parametrize(
    ("behind", "hidden"),
    [
        ("Calculation: 9*2=18", False), ("**Breakdown:**\n- 9 eggs x $2 = $18", False), ("Step-by-step:\n9*2=18", False),
        ("Note: We assumed each egg costs $2.", False), ("Here is the breakdown:\n9*2=18", False),
        ("Confidence: 95%", False),
        ("(Janet makes 18 dollars.)", False), ("Janet sells 9 eggs for $2 each, making $18.", False), ("✅", False),
        ("QED", False), ("Q.E.D.", False), ("□", False), ("∎", False), (r"$\square$", False), ("✅ 19", True),
        ("19 □", True),
        ("Calculation: wait, 19", True), ("**Breakdown:**\n- the answer is 19", True),
        ("Step-by-step:\n9*2=18\nSo 19.", True),
        ("Note: It is 19 if each egg costs $3.", True), ("Note: 19 is also possible.", True),
        ("Note: 19 works as well", True), ("Check: 9 * 2 = 18\nNote: if they cost $3 it is 27.", True),
        ("Calculation: 19", True), ("Calculation: 18", False), ("Solution: x = 19", True), ("Confidence: 5% or 19", True),
        ("(Janet makes 19 dollars.)", True), ("(Janet makes 19 or 18 dollars.)", True), ("It is 19, making 18.", True),
        ("Janet sells 9 eggs for $2 each, making $19.", True), ("The values are 19, 18.", True), ("∞", True),
        ("It is 19, or rather 18.", True), ("She makes 19 dollars, not 18.", True), ("She has 19, so it could be 18.", True),
    ],
)  # fmt: skip
def test_what_only_explains_or_seals_an_answer_hides_it_not(answer: str, behind: str, hidden: bool) -> None:
    for between in ("\n", "\n\n"):
        found = final_answer(answer + between + behind)
        assert (found.source == "none" or found.answers[-1].strip("$") != "18") is hidden, found


def test_final_answer_says_why_there_is_none() -> None:
    assert "empty" in final_answer("").detail
    assert "think" in final_answer(r"<think>\boxed{7}").detail
    assert "closed" in final_answer(r"\boxed{7").detail
    assert "empty" in final_answer(r"\boxed{}").detail
    assert "characters" in final_answer("7" * (MAX_RESPONSE + 1)).detail


@given(st.text(alphabet=r"\boxedf{}<think>/#7 anweris:.$,or" + "\n", max_size=80))
def test_final_answer_never_raises(text: str) -> None:
    found = final_answer(text)
    assert bool(found.answers) == (found.source != "none")


@given(st.text(max_size=40), st.text(alphabet="0123456789+-/x^() ", min_size=1, max_size=20).filter(str.strip))
def test_final_answer_returns_the_content_of_a_last_box_verbatim(before: str, content: str) -> None:
    before = before.replace("\\", "").replace("<", "").replace("{", "")
    assert final_answer(f"{before} so \\boxed{{{content}}} done")[0] == (content.strip(),)


@pytest.mark.parametrize(
    "unit",
    [r"\boxed{", r"\boxed{1}", r"\boxed{1} or ", "{", "}", "<think>", "</think>", "#### 1\n", "Answer: 1\n",
    "answer to ", "(", "a ", "\\",
     "$", r"\text{", "\\fbox", "the answer is ", "answer of a ", "**", "`", "\n", "####", "Part 1:\n",
     "answer to a b ", "Answer: 1\nCheck: 2\n", "Check:\n", "let me know\n", "please ",
     "✅\n", "✅ ", "Answer: 1\nNote: so\n", "here is the ", "making 1, ", "Confidence: 1", "Answer: 1\nSo 1\n"],
)  # fmt: skip
def test_final_answer_is_linear_in_hostile_responses(in_time, unit: str) -> None:
    text = unit * (400_000 // len(unit))
    in_time(1.0, lambda: final_answer(text))


def test_one_plain_box_is_read_as_any_box_is():
    rng = random.Random(7)
    pieces = [
        "\\boxed",
        "\\boxed{",
        "{",
        "}",
        "\\",
        "\\\\",
        "\\{",
        "\\}",
        " ",
        "4",
        "x",
        "\\fbox{5}",
        "\\text{",
        "$",
        "\n",
    ]
    compared = 0
    for _ in range(20_000):
        text = "".join(rng.choices(pieces, k=rng.randint(2, 9)))
        found = final_answer(text)
        boxes = outer_boxes(text)
        if len(boxes) == 1:
            content = boxes[0].content
            expected = () if content is None or not content.strip() else (content.strip(),)
            if why_not_shown(text, boxes[0].start, boxes[0].end) is not None:
                expected = ()
            assert found.answers[:1] == expected, text  # \\boxed{4}{5} are two values
            compared += 1
    assert compared > 5_000
