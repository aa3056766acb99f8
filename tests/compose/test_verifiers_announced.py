"""Answers in other languages, in JSON and in tags; words that unsay a number; what may stand around a declared answer."""

from __future__ import annotations

import pytest

from composekit.compose import ChoiceVerifier, ExactVerifier, MathVerifier, Problem, bundle, chain, verify
from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.structured import json_answers

APPLES = Problem("How many apples are there?", "18")
CLIPS = Problem(
    "Natalia sold 48 clips in April and half as many in May. How many clips did Natalia sell altogether?", "72"
)
OPTIONS = Problem("Which of these numbers is prime?\nA. 91\nB. 97\nC. 99\nD. 93", "B", verifier="choice")
PRINTS = Problem("What does this program print?", "[1, 2]", verifier="exact", domain="code")
SUMS = bundle(Problem("What is 6 times 7?", 42), Problem("What is 3 + 4?", 7))
CHAIN = chain(
    Problem("Tom has 20 apples and buys 22 more. How many has he?", 42),
    Problem("A box holds 45 eggs and 5 break. How many are left?", 40),
)


@pytest.mark.parametrize(
    "form",
    [
        "答案：{}", "答：{}", "共有{}个苹果。\n答：共有{}个苹果。", "所以答案是{}个。", "정답: {}",
        "정답은 {}입니다.", "答えは{}です。",
        "Đáp án: {}", "Vậy đáp án là {}.", "Đáp số: {} quả táo", "Odpowiedź: {}", "Odpowiedź to {} jabłek.",
        "Jawaban: {}",
        "Jadi, jawabannya adalah {}.", "الإجابة: {}", "الجواب هو {}", "الإجابة النهائية هي {}.", "उत्तर: {}",
        "अतः उत्तर {} है।",
        "คำตอบ: {}", "คำตอบคือ {}", "Antwoord: {}", "Svar: {}", "Odpověď: {}", "Die Antwort ist {}.",
        "La respuesta es {} manzanas.",
        "La réponse est **{}**.", "Ответ: ${}$", "**答案：{}**", "תשובה: {}", "Vastaus: {}", "Răspuns: {}",
        "Απάντηση: {}",
    ],
)  # fmt: skip
def test_the_word_for_an_answer_in_other_languages(form: str) -> None:
    assert verify(form.replace("{}", "18"), APPLES).correct
    assert not verify(form.replace("{}", "20"), APPLES).correct
    assert not verify(form.replace("{}", "18") + "\n" + form.replace("{}", "20"), APPLES).correct


@pytest.mark.parametrize(
    "response",
    [
        "Jawabannya adalah bukan 18", "Antwort: nicht 18", "La respuesta es menos de 18", "Respuesta: 18 o 20",
        "答：不是18个。",
        "答：约18个。", "答：18或20。", "答：18万", "答：十八个18", "答：至少18个。", "Odpowiedź: nie 18",
        "Antwort: weniger als 18",
        "La respuesta es 18 como mínimo", "Svar: inte 18", "答：少18个。", "Đáp án: không phải 18", "答案不是18",
        "答えは18ではない",
        "答：一半是18", "Antwort: 18 minimum", "정답은 18이 아니다", "Cevap: 18 değil", "الإجابة: ليس 18",
        "उत्तर: 18 नहीं", "答：18分之一",
    ],
)  # fmt: skip
def test_a_value_that_another_language_unsays_is_not_paid(response: str) -> None:
    assert not verify(response, APPLES).correct


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ('{"answer": 18}', True), ('```json\n{"answer": 18}\n```', True),
        ('{"reasoning": "12+6", "answer": "18"}', True),
        ('So:\n```json\n{\n  "steps": ["a", "b"],\n  "final_answer": 18.0\n}\n```', True),
        ('{"answer": 18, "unit": "apples"}', True),
        ('{"answer": "18", "final_answer": 18}', True), ('{"answer": "$18"}', True),
        ('{"Answer": "\\\\frac{36}{2}"}', True),
        ('{"answer": 18, "answer": 20}', False), ('{"answer": 20, "answer": 18}', False),
        ('{"answer": [18, 20]}', False),
        ('{"answer": 20}\n{"answer": 18}', False), ('{"answer": 20} or\n{"answer": 18}', False),
        ('```json\n{"answer": 20}\n```\n```json\n{"answer": 18}\n```', False), ('{"answer": {"a": 18}}', False),
        ('{"answers": 18}', False), ('{"wrong_answer": 18}', False), ('{"answer": null}', False),
        ('{"x": {"answer": 18}}', False),
        ('{"answer": 18}\nNo, that is wrong.', False), ('{"answer": 18', False),
        ('{"answer": 20, "final_answer": 18}', False),
        ('{"a": 1}\nThen.\n{"answer": 18}', True), ('{"answer": 20}\nWait, I mean:\n{"answer": 18}', True),
    ],
)  # fmt: skip
def test_json_declares_what_stands_under_its_key(response: str, right: bool) -> None:
    assert verify(response, APPLES).correct is right


def test_json_keeps_commands_whatever_the_escapes() -> None:
    half = Problem("What is one half?", r"\frac12")
    for said in (r"\frac{1}{2}", r"\\frac{1}{2}", "1/2", r"$\\frac{1}{2}$"):
        assert verify('{"answer": "' + said + '"}', half).correct, said
    assert json_answers('{"answer": true}') == ("true",)


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("<solution>18</solution>", True), ("[ANSWER]18[/ANSWER]", True), ("<result>18</result>", True),
        ("<solution>\n12+6\nAnswer: 18\n</solution>", True), ("<answer>20</answer> <answer>18</answer>", False),
        ("<solution>20</solution>\n<solution>18</solution>", False),
        ("[ANSWER]20[/ANSWER] or [ANSWER]18[/ANSWER]", False),
        ("<solution>We get 18 or so</solution>", False), ("```\n18\n```", True), ("```\n18\n20\n```", False),
        ("Answer: 18 🍎", True), ("Answer: **18** 🎉🎉", True), ("Answer: 18 ❌", False), ("Answer: 18 👎", False),
        ("Answer: 18 🤔", False), ("Answer: 18 ❓", False), ("Answer: 1 🔟", False), ("Answer: 18 2️⃣0️⃣", False),
        ("Answer: 18 apples (since 12+6=18)", True), ("Answer: 18 (because there are 12 and 6)", True),
        ("Answer: 18 (since it is not 20)", False), ("Answer: 12 + 6 = **18** apples", True),
        ("Answer: **12** + **6** = **18**", True),
        ("Answer - 18", True), ("**Answer** – 18 apples", True), ("Answer in apples: 18", True),
        ("The answer is eighteen.", True),
    ],
)  # fmt: skip
def test_tags_pictures_and_emphasis(response: str, right: bool) -> None:
    assert verify(response, APPLES).correct is right


@pytest.mark.parametrize(
    ("prompt", "response", "right"),
    [
        ("How much in dollars?", "Answer in cents: 18", False),
        ("How much in dollars?", "Answer in dollars: 18", True),
        ("How many minutes?", "Answer (in hours): 18", False),
        ("How many minutes?", "The answer in minutes is 18.", True),
        ("How many are there?", "Answer in thousands: 18", False),
        ("How many are there?", "The answer in total is 18.", True),
        ("How many are there?", "Answer in dozens: 18", False),
    ],
)  # fmt: skip
def test_a_label_may_name_a_unit(prompt: str, response: str, right: bool) -> None:
    assert verify(response, Problem(prompt, "18")).correct is right


def test_negative_numbers_in_words() -> None:
    difference = Problem("What is 4 - 7?", "-3")
    for response in ("Answer: negative three", "The answer is minus three.", "Answer: negative three dollars"):
        assert verify(response, difference).correct, response
        assert not verify(response, Problem("What is 7 - 4?", "3")).correct, response


@pytest.mark.parametrize(
    "answer",
    [
        "Natalia almost sold 72 clips", "Natalia failed to sell 72 clips", "Natalia was 72 clips short",
        "72 fewer clips",
        "She nearly sold 72", "Natalia forgot 72 clips", "Natalia wanted to sell 72 clips", "72 clips less",
        "Natalia refused 72 clips",
        "Natalia planned to sell 72 clips", "Natalia tried to sell 72 clips", "She missed 72 clips",
        "Natalia pretends she sold 72 clips",
        "Natalia used to sell 72 clips", "She lacks 72 clips", "72 fake clips", "Allegedly, 72 clips", "72 short",
        "72 clips are missing",
        "She was unable to sell 72 clips", "Natalia expected 72 clips",
    ],
)  # fmt: skip
def test_words_that_unsay_a_number(answer: str) -> None:
    if answer != "72 fake clips":  # a noun, for all that is known
        assert not verify(f"Answer: {answer}", CLIPS).correct


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("How many fewer clips did she sell in May?", "72 fewer clips"),
        ("How many clips are missing?", "72 clips are missing"),
        ("How many clips did she fail to sell?", "She failed to sell 72 clips."),
        ("By how much was she short?", "She was 72 short."),
        ("How many shots did he miss?", "He missed 72 shots."),
        ("How many does she plan to buy?", "She plans to buy 72."),
        ("How much less does it cost?", "It costs $72 less."),
        ("How many clips did she sell?", "Natalia sold 72 clips."),
    ],
)  # fmt: skip
def test_words_of_the_question_unsay_nothing(prompt: str, answer: str) -> None:
    assert verify(f"Answer: {answer}", Problem(prompt, "72")).correct


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("Answer - B", True), ("Only B (97) is prime.", True), ("So only option B is prime.", True),
        ("Only B is composite.", False),
        ("Only B is not prime.", False), ("Only A is prime.", False), ("B, since 97 is prime", True),
        ("A and only B is prime or C", False),
        ('{"answer": "B"}', True), ("答案：B", True), ("答：B", True), ("[ANSWER]B[/ANSWER]", True),
        ("Đáp án: B", True),
    ],
)  # fmt: skip
def test_letters_are_announced_as_numbers_are(response: str, right: bool) -> None:
    assert ChoiceVerifier().verify(response, OPTIONS).correct is right


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("So the program outputs:\n\n```\n[1, 2]\n```\n\nLet me know if you have questions.", True),
        (r"\boxed{\texttt{[1,\ 2]}}", True), (r"\boxed{[1,\ 2]}", True), (r"\boxed{\verb|[1, 2]|}", True),
        (r"\boxed{\verb+[1, 2]+}", True), (r"\boxed{[1,2]}", False), (r"\boxed{\verb|[1, 2]}", False),
        ("So the program outputs:\n\n```\n[1, 2]\n```\n\nOr it is [1, 3].", False),
        ("```\n[1, 2]\n```\nHope this helps!", True),
    ],
)  # fmt: skip
def test_texts_keep_their_spaces(response: str, right: bool) -> None:
    assert ExactVerifier().verify(response, PRINTS).correct is right


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("Part (1): 42\nPart (2): 7", True), ("Part 1:\n```\n42\n```\nPart 2:\n```\n7\n```", True),
        ("Part A: \\boxed{42}\nPart B: \\boxed{7}", True), ("**Part a)** 42\n**Part b)** 7", True),
        ("Part A: 42, Part B: 7", True),
        ("\\boxed{42} is the answer to Part 1.\n\\boxed{7} is the answer to Part 2.", True),
        ("The answer to Part 2 is $\\boxed{7}$.\nThe answer to Part 1 is $\\boxed{42}$.", True),
        ("Part A: 7\nPart B: 42", False),
        ("\\boxed{7} is the answer to Part 1.\n\\boxed{42} is the answer to Part 2.", False),
        ("\\boxed{42} is the answer to Part 1 or Part 2.\n\\boxed{7} is the answer to Part 2.", False),
        ("Part A: 42\nPart A: 41\nPart B: 7", False),
        ("Part 1:\nPart A: 6 * 7\nPart B: so \\boxed{42}\nPart 2: 7", True),
    ],
)  # fmt: skip
def test_headings_with_brackets_and_letters_and_boxes_that_say_whose_they_are(response: str, right: bool) -> None:
    assert verify(response, SUMS).correct is right


@pytest.mark.parametrize(
    ("response", "right"),
    [
        ("\\boxed{40} is the answer to Part 1.", False), ("The answer to the first part is $\\boxed{40}$.", False),
        ("\\boxed{40} is the answer to Part 2.", True), ("Using the answer to Part 1, we get \\boxed{40}.", True),
        ("\\boxed{40}\n\n$\\boxed{42}$ is the answer to Part 1.", True),
        ("It is the value of 1 egg: \\boxed{40}", True),
    ],
)  # fmt: skip
def test_a_box_may_say_that_it_is_an_earlier_parts(response: str, right: bool) -> None:
    assert verify(response, CHAIN).correct is right


@pytest.mark.parametrize(
    "unit",
    ['{"answer": ', '{"answer": 1}\n', "{\n", '{"a":\n', "答：1", "答案", "Đáp án: ", "Antwort ist ", "所以", "🍎",
     "<solution>", "[ANSWER]",
     "(since ", "**1** ", "Answer - ", "Part A:\n", "is the answer to Part 1. ", "\\verb|", "Only B is ",
     '{"answer": "\\', "1个"],
)  # fmt: skip
def test_announcements_are_read_in_linear_time(in_time, unit: str) -> None:
    text = unit * (400_000 // len(unit))
    in_time(1.0, lambda: final_answer(text))
    for problem in (APPLES, OPTIONS, PRINTS, SUMS, CHAIN):
        in_time(2.0, lambda problem=problem: verify(text, problem))


def test_math_verifier_reads_announcements_without_a_problem_in_that_language() -> None:
    assert MathVerifier().verify("答：她每天赚18美元。", Problem("How much does she make, in dollars?", "18")).correct
    assert not MathVerifier().verify("答：18小时。", Problem("How many minutes does it take?", "18")).correct
