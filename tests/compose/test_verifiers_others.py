"""Choices, exact texts, composites, dispatch and batches."""

from __future__ import annotations

import pickle
import signal
import threading
import time
from functools import partial

import psutil
import pytest

from composekit import _errors
from composekit.compose import (  # fmt: skip
    ChoiceVerifier,
    Composite,
    CompositeVerifier,
    ExactVerifier,
    MathVerifier,
    Problem,
    Verifier,
    bundle,
    chain,
    verify,
    verify_batch,
)
from composekit.compose.verifiers.composite import sections

CHOICE = Problem("Which?", "B", verifier="choice", metadata={"choices": {"A": "91", "B": "97", "C": "a prime"}})


@pytest.mark.parametrize(
    ("response", "status"),
    [
        (r"\boxed{B}", "correct"), (r"\boxed{\text{(B)}}", "correct"), (r"\boxed{b}", "correct"),
        (r"\boxed{B. 97}", "correct"),
        (r"\boxed{(B)\ 97}", "correct"), (r"\boxed{97}", "correct"), ("Answer: Option B", "correct"),
        ("The answer is (B).", "correct"),
        ("The correct option is B.", "correct"), ("B", "correct"), ("(B)", "correct"), ("**Answer: B**", "correct"),
        (r"\boxed{A}", "wrong"), (r"\boxed{91}", "wrong"), (r"\boxed{A or B}", "wrong"), (r"\boxed{A, B}", "wrong"),
        (r"\boxed{B} or \boxed{A}", "wrong"), ("Answer: A or B", "wrong"), (r"\boxed{(B) or 91}", "wrong"),
        (r"\boxed{(A) (B)}", "wrong"), ("The answer is **B**: 97", "correct"), (r"\boxed{B. A}", "wrong"),
        (r"\boxed{(B) A}", "wrong"), (r"\boxed{(B) 97, A}", "wrong"), (r"\boxed{(B) unless A}", "wrong"),
        (r"\boxed{B. Also A}", "wrong"), (r"\boxed{(B) 91}", "wrong"), (r"\boxed{(B) a number that nobody may use}",
        "correct"),
        (r"\boxed{ABC}", "wrong"), (r"\boxed{B and A}", "wrong"), ("I like B, a lot.", "unparseable"),
        ("", "unparseable"),
        (r"<think>\boxed{B}</think>", "unparseable"), (r"\boxed{}", "unparseable"), ("Answer: not B", "wrong"),
        ("The answer is B. Or A.", "wrong"), (r"\boxed{(B) 97 C}", "wrong"), (r"\boxed{(B) 97 + C}", "wrong"),
        (r"\boxed{B. could be C}", "wrong"), (r"\boxed{B. Possibly C}", "wrong"), (r"\boxed{B. is wrong}", "wrong"),
        (r"\boxed{B. not 97}", "wrong"), (r"\boxed{B. none of these}", "wrong"), (r"\boxed{B, 91}", "wrong"),
        (r"\boxed{B (97)}", "correct"), ("Answer: B - 97", "correct"), ("Answer: B, 97", "correct"),
        ("The answer is B, which is 97.", "correct"), (r"\boxed{\textsf{B}}", "correct"), (r"\boxed{\rm B}", "correct"),
        ("Option B is correct.", "correct"), ("Choice (B) is the right answer.", "correct"), ("I choose B.", "correct"),
        ("I'd go with option B.", "correct"),
        ("My choice is B: 97.", "correct"), ("97 is prime: so B is right.", "unparseable"),
        ("97 is prime, so B is correct.", "correct"),
        ("A is wrong, as 7 divides 91.\nSo **option B** is correct.", "correct"), ("Option B.", "correct"),
        ("91 is 7 * 13. I choose B because 97 is prime.", "correct"), ("Answer: option B is correct.", "correct"),
        ("Option A is correct.", "wrong"), ("I choose A.", "wrong"), ("I choose A.\nI choose B.", "wrong"),
        ("Option A is correct. Option B is correct.", "wrong"), ("I choose B over A.", "unparseable"),
        ("Option A is correct, or option B is correct.", "unparseable"), ("Option B is not correct.", "unparseable"),
        ("If 97 is prime, option B is correct.", "unparseable"), ("Maybe option B is correct.", "unparseable"),
        ("Option B is correct if 97 is prime.", "unparseable"), ("I would not choose B.", "unparseable"),
        ("Option B is correct.\nOr is it C?", "unparseable"), ("A prime is the best choice.", "unparseable"),
        ("<think>I choose B.</think>", "unparseable"), ("I choose b.", "unparseable"),
        (r"\boxed{a prime}", "wrong"), (r"\boxed{Z}", "wrong"), ("A bird in the hand", "unparseable"),
    ],
)  # fmt: skip
def test_choice_verifier_judges_letters(response: str, status: str) -> None:
    verdict = ChoiceVerifier().verify(response, CHOICE)
    assert (verdict.status, verdict.score) == (status, float(status == "correct")), verdict


def test_choice_verifier_compares_several_letters_as_a_set() -> None:
    judge = ChoiceVerifier()
    assert judge.compare(gold="A, C", answer="(C) and (A)").correct
    assert judge.compare(gold="A, C", answer="A").status == "wrong"
    assert judge.compare(gold="the cat", answer="The cat.").correct
    assert judge.compare(gold="the cat", answer="a dog").status == "wrong"


@pytest.mark.parametrize(
    ("gold", "response", "status"),
    [
        ("[1, 2]", r"\boxed{[1, 2]}", "correct"), ("[1, 2]", "Answer: [1, 2]", "correct"),
        ("[1, 2]", "Answer: `[1, 2]`", "correct"),
        ("[1, 2]", r"\boxed{[1,2]}", "wrong"), ("a_b", r"\boxed{\text{a\_b}}", "correct"),
        ("{'a': 1}", r"\boxed{\{'a': 1\}}", "correct"),
        ("no", "no", "correct"), ("no", "No", "correct"), ("no", "Answer: No", "correct"),
        ("No", r"\boxed{\text{no}}", "correct"), ("No", "**No**", "correct"), ("no", "NO.", "correct"),
        ("True", "Answer: **true**.", "correct"), ("Yes", "_yes_", "correct"), ("No", "*yes*", "unparseable"),
        ("No", "No, since 7 divides it.", "correct"), ("No", "Answer: not no", "wrong"), ("No", "n o", "unparseable"),
        ("Paris", "paris", "unparseable"), ("Paris", r"\boxed{paris}", "wrong"), ("Paris", "**Paris**", "correct"),
        ("None", "none", "unparseable"), ("init", "__init__", "unparseable"), ("[1, 2]", "**[1, 2]**.", "correct"),
        ("*", "**", "unparseable"), ("**", "**", "correct"),
        ("no", "There is no answer.", "unparseable"),
        ("1\n2", "Answer:\n```\n1\n2\n```", "correct"), ("1\n2", "```text\n1\n2\n```", "correct"),
        ("1\n2", "```\n1\n3\n```", "wrong"),
        ("1\n2", "1 \n2\n", "correct"), ("no", r"\boxed{no} or \boxed{yes}", "wrong"),
        ("no", r"\boxed{}", "unparseable"),
        ("007", r"\boxed{7}", "wrong"), ("é", r"\boxed{e" + "\u0301}", "correct"),
        ("7", "no answer but 7 appears", "unparseable"),
    ],
)  # fmt: skip
def test_exact_verifier_compares_texts(gold: str, response: str, status: str) -> None:
    verdict = ExactVerifier().verify(response, Problem("q", gold, verifier="exact"))
    assert (verdict.status, verdict.score) == (status, float(status == "correct")), verdict


def test_exact_verifier_keeps_the_case_of_what_programs_print() -> None:
    printed = Problem("What does print(3 > 2) write?", "True", domain="code", verifier="exact")
    assert ExactVerifier().verify(r"\boxed{True}", printed).correct
    assert ExactVerifier().verify(r"\boxed{true}", printed).status == "wrong"
    assert ExactVerifier().verify("true", printed).status == "unparseable"
    assert not ExactVerifier().compare(gold="True", answer="true").correct


def test_exact_verifier_can_ignore_case() -> None:
    assert ExactVerifier(ignore_case=True).compare(gold="No", answer="nO").correct
    assert not ExactVerifier().compare(gold="No", answer="nO").correct
    with pytest.raises(_errors.ArgumentTypeError):
        ExactVerifier(ignore_case=1)  # type: ignore[arg-type]


BUNDLE = bundle(Problem("What is 6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"), CHOICE)
RIGHT = "Part 1:\n\\boxed{42}\n\nPart 2:\n\\boxed{no}\n\nPart 3:\n\\boxed{B}"


def _statuses(response: str, **options: bool) -> tuple[float, str, list[str]]:
    verdict = CompositeVerifier(**options).verify(response, BUNDLE)
    return verdict.score, verdict.status, [v.status for v in verdict.parts]


def test_bundle_pays_only_if_every_part_is_right() -> None:
    assert _statuses(RIGHT) == (1.0, "correct", ["correct"] * 3)
    assert _statuses(RIGHT.replace("no", "yes")) == (0.0, "wrong", ["correct", "wrong", "correct"])
    assert _statuses(RIGHT.partition("Part 3")[0]) == (0.0, "unparseable", ["correct", "correct", "unparseable"])
    assert _statuses("") == (0.0, "unparseable", ["unparseable"] * 3)
    assert _statuses("<think>" + RIGHT)[0] == 0.0


def test_partial_credit_is_gated_by_the_earlier_parts() -> None:
    assert _statuses(RIGHT, partial=True)[0] == 1.0
    assert _statuses(RIGHT.replace("{B}", "{A}"), partial=True)[0] == pytest.approx(2 / 3)
    assert _statuses(RIGHT.replace("{no}", "{yes}"), partial=True)[0] == pytest.approx(1 / 3)
    assert _statuses(RIGHT.replace("{42}", "{41}"), partial=True)[:2] == (0.0, "wrong")


@pytest.mark.parametrize(
    "first",
    ["Part 1: \\boxed{42} or \\boxed{41}", "Part 1: 41\nPart 1: 42", "Part 1: \\boxed{41}\n\nPart 1: \\boxed{42}",
    "Part 1: 41, 42",
     "Part 1:\n41\n\n**Part 1:**\n42"],
)  # fmt: skip
def test_listing_several_values_for_a_part_is_a_hedge(first: str) -> None:
    response = RIGHT.replace("Part 1:\n\\boxed{42}", first)
    score, _, parts = _statuses(response, partial=True)
    assert (score, parts[0]) == (0.0, "wrong"), parts


def test_a_part_may_be_worked_out_first_and_answered_again() -> None:
    working = "## Part 1\nSix sevens are 42.\n\n## Part 2\n7 divides it,\nso it is no prime.\n\n"
    assert _statuses(working + RIGHT)[0] == 1.0
    assert _statuses("Part 1: 42\nPart 2: no\nPart 3: B")[0] == 1.0
    assert _statuses("Part 3: B\nPart 2: no\nPart 1: 42")[0] == 1.0
    assert _statuses("- Part 1: 42\n- Part 2: no\n- Part 3: B")[0] == 1.0
    assert _statuses("* **Part 1**: 42\n* **Part 2**: no\n* **Part 3**: B")[0] == 1.0
    assert _statuses("1. Part 1 - 42\n2. Part 2 - no\n3. Part 3 - B")[0] == 1.0


def test_headings_in_code_do_not_cut_the_response() -> None:
    text = "Part 1:\n```\nPart 2:\n```\nso\nPart 2: x"
    assert sections(text) == {1: ("```\nPart 2:\n```\nso",), 2: ("x",)}
    assert sections("In Part 1 we see\nPart 12 (logic): y\n**Part 2**\nz\nPart 3 of it") == {
        12: ("y",),
        2: ("z\nPart 3 of it",),
    }


def _chain() -> Composite:
    parts = (Problem("What is 6 times 7?", 42), Problem("What is Y squared?", 9))
    return Composite("...", "9", verifier="composite", parts=parts, topology="tree")


def test_chain_is_decided_by_its_final_answer() -> None:
    judge, chain = CompositeVerifier(), _chain()
    assert judge.verify(r"X is \boxed{42}, so the answer is \boxed{9}", chain).score == 1.0
    assert judge.verify(r"\boxed{9}", chain).score == 1.0
    assert judge.verify(r"\boxed{42}", chain).status == "wrong"
    assert judge.verify(r"\boxed{42}, \boxed{9}", chain).status == "wrong"
    assert judge.verify("", chain).status == "unparseable"
    assert verify("Part 1: 41\nPart 2: 9\nThe answer is 9.", chain).score == 1.0


def test_chain_pays_partially_for_declared_leading_parts_alone() -> None:
    judge, chain = CompositeVerifier(partial=True), _chain()
    assert judge.verify("Part 1: 42\nPart 2: 8\nThe answer is 8.", chain).score == 0.5
    assert judge.verify("Part 1: 41\nPart 2: 8\nThe answer is 8.", chain).score == 0.0
    assert judge.verify("Part 1: 42, 41\nPart 2: 8\nThe answer is 8.", chain).score == 0.0
    assert judge.verify("I think 42.\nThe answer is 8.", chain).score == 0.0


def test_bundle_of_a_chain_judges_the_chain_as_one_part() -> None:
    both = Composite("...", "9\nB", verifier="composite", parts=(_chain(), CHOICE), topology="bundle")
    assert verify("Part 1: \\boxed{9}\nPart 2: B", both).score == 1.0
    assert verify("Part 1: \\boxed{8}\nPart 2: B", both).score == 0.0


def test_composite_verifier_compares_line_by_line() -> None:
    judge = CompositeVerifier()
    assert judge.compare(gold="42\n1/2", answer="42\n0.5").correct
    assert judge.compare(gold="42\n1/2", answer="42").status == "wrong"
    assert judge.compare(gold="42", answer="42.0").correct


def test_composite_verifier_refuses_plain_problems() -> None:
    with pytest.raises(_errors.ArgumentTypeError, match="Composite"):
        CompositeVerifier().verify("x", Problem("q", 1))


def test_verify_dispatches_on_the_verifier_that_the_problem_names() -> None:
    assert verify(r"\boxed{0.5}", Problem("q", "1/2")).correct
    assert not verify(r"\boxed{0.5}", Problem("q", "1/2", verifier="exact")).correct
    assert verify(r"\boxed{B}", CHOICE).correct
    assert verify(RIGHT, BUNDLE).correct


def test_verify_names_the_verifiers_that_there_are() -> None:
    with pytest.raises(_errors.ArgumentError, match=r"choice.*composite.*exact.*math.*'astrology'"):
        verify("x", Problem("q", 1, verifier="astrology"))
    with pytest.raises(_errors.ArgumentTypeError, match="response"):
        verify(None, Problem("q", 1))  # type: ignore[arg-type]
    with pytest.raises(_errors.ArgumentTypeError, match="problem"):
        verify("x", "q")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "judge", [MathVerifier(), ChoiceVerifier(), ExactVerifier(), CompositeVerifier(partial=True)], ids=repr
)
def test_verifiers_are_verifiers_that_pickle_and_take_keywords(judge: Verifier) -> None:
    copy = pickle.loads(pickle.dumps(judge))
    assert isinstance(copy, Verifier)
    assert vars(copy) == vars(judge)
    assert copy.compare(gold="B", answer="B").correct
    with pytest.raises(TypeError):
        copy.compare("B", "B")  # type: ignore[misc]


# --- batches

SEVEN = Problem("What is 3 + 4?", 7)


def _members() -> list[psutil.Process]:
    return [p for p in psutil.Process().children() if "_crew_member" in " ".join(p.cmdline())]


def test_verify_batch_keeps_the_order_and_agrees_with_verify() -> None:
    responses = [rf"\boxed{{{k % 11}}}" for k in range(500)]
    verdicts = verify_batch(responses, [SEVEN] * 500, workers=2)
    assert verdicts == [verify(r, SEVEN) for r in responses]
    assert verify_batch([RIGHT, "x"], [BUNDLE, CHOICE], workers=2) == [verify(RIGHT, BUNDLE), verify("x", CHOICE)]
    assert verify_batch([], []) == []


def test_verify_batch_survives_members_that_are_killed_between_and_during_calls() -> None:
    verify_batch(["x"], [SEVEN], workers=1)
    for member in _members():
        member.kill()
    assert verify_batch([r"\boxed{7}"] * 10, [SEVEN] * 10, workers=1) == [verify(r"\boxed{7}", SEVEN)] * 10
    stop = threading.Event()

    def assassin() -> None:
        for _ in range(3):
            time.sleep(0.1)
            for member in _members()[:1]:
                member.kill()
        stop.set()

    thread = threading.Thread(target=assassin)
    thread.start()
    rounds = 0
    while not stop.is_set():
        responses = [r"\boxed{7}", r"\boxed{8}", "hm"] * 700
        statuses = [v.status for v in verify_batch(responses, [SEVEN] * 2100, workers=2)]
        assert statuses == ["correct", "wrong", "unparseable"] * 700
        rounds += 1
    thread.join()
    assert rounds


def test_verify_batch_gives_up_on_a_response_whose_judge_dies_twice() -> None:
    from composekit.compose.verifiers import crew

    state = crew.Run(["a", "b", "c"], [SEVEN] * 3, 3, None)
    for _ in range(2):
        member = crew.Member(None)  # type: ignore[arg-type]
        member.jobs.extend(state.waiting.popleft())
        state.lost(member, late=False)
    assert state.verdicts[0] is not None
    assert state.verdicts[0].status == "error"
    assert list(state.waiting) == [[1], [2]]
    member.jobs.extend(state.waiting.popleft())
    state.lost(member, late=True)
    assert state.verdicts[1] is not None
    assert state.verdicts[1].status == "timeout"


def test_verify_batch_holds_deadlines(in_time) -> None:
    pytest.importorskip("math_verify")
    slow, summed = r"\boxed{\sum_{k=1}^{10^{10}} \sin(k)}", Problem("Write it as a sum.", r"\sum_{k=1}^{7} 1")
    warm = [r"\boxed{\int_0^1 7 dx}"] * 2
    verify_batch(warm, [summed] * 2, workers=2)
    responses, problems = [slow, r"\boxed{7}", slow], [summed, SEVEN, summed]
    verdicts = in_time(3.0, lambda: verify_batch(responses, problems, workers=2, timeout=0.5), clock=time.perf_counter)
    assert [v.status for v in verdicts] == ["timeout", "correct", "timeout"]


def test_verify_batch_shows_no_bar_unless_asked(capfd) -> None:
    verify_batch([r"\boxed{7}"] * 3, [SEVEN] * 3, workers=1)
    assert capfd.readouterr() == ("", "")
    verify_batch([r"\boxed{7}"] * 3, [SEVEN] * 3, workers=1, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "3/3" in err


def test_verify_batch_refuses_bad_arguments() -> None:
    with pytest.raises(_errors.ArgumentError, match="problems"):
        verify_batch(["a", "b"], [SEVEN])
    with pytest.raises(_errors.ArgumentError, match="workers"):
        verify_batch(["a"], [SEVEN], workers=0)
    with pytest.raises(_errors.ArgumentTypeError, match="workers"):
        verify_batch(["a"], [SEVEN], workers=1.5)  # type: ignore[arg-type]
    with pytest.raises(_errors.ArgumentError, match="timeout"):
        verify_batch(["a"], [SEVEN], timeout=0)
    with pytest.raises(_errors.ArgumentTypeError, match="response"):
        verify_batch([None], [SEVEN])  # type: ignore[list-item]
    with pytest.raises(_errors.ArgumentError, match="astrology"):
        verify_batch(["a"], [Problem("q", 1, verifier="astrology")])


def test_verify_batch_works_from_several_threads_at_once() -> None:
    found: list[list[str]] = []

    def call(k: int) -> None:
        verdicts = verify_batch([rf"\boxed{{{k}}}", r"\boxed{7}"] * 50, [SEVEN] * 100, workers=1)
        found.append([v.status for v in verdicts])

    threads = [threading.Thread(target=call, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [["wrong", "correct"] * 50] * 4


def test_verify_batch_that_is_interrupted_leaves_nothing_half_done() -> None:
    before = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.15, 1.0)  # again, because a finalizer drops one that falls into it
        with pytest.raises(KeyboardInterrupt):
            verify_batch([r"\boxed{7}"] * 200_000, [SEVEN] * 200_000, workers=1)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert verify_batch([r"\boxed{7}"], [SEVEN], workers=1)[0].correct


def test_verify_batch_refuses_one_response_in_place_of_a_list() -> None:
    with pytest.raises(_errors.ArgumentTypeError, match="two lists"):
        verify_batch("7", [SEVEN])
    with pytest.raises(_errors.ArgumentTypeError, match="two lists"):
        verify_batch(["7"], SEVEN)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("Part 1: \\boxed{192}\nPart 2: \\boxed{24}", "correct"),
        ("Part 2: \\boxed{8}\nPart 1: \\boxed{24}", "wrong"),
        ("Part 2: \\boxed{24}\nPart 1: \\boxed{8}", "correct"),
        ("Part 1: \\boxed{24}\nPart 2: I do not know.", "wrong"),
        ("It is \\boxed{24}.\nPart 1: that was \\boxed{8}.\nPart 2: see above.", "correct"),
        ("Part 1: \\boxed{192}\nSo in the end \\boxed{24}.", "correct"),
        ("Part 1: \\boxed{24}", "unparseable"),
        ("Part 1:\n$$\n\\boxed{24}\n$$", "unparseable"),
        ("**Part 1:** \\boxed{24}. Thus \\boxed{24}", "unparseable"),
        ("Part 1: 24", "unparseable"),
        ("Part 1:\n24", "unparseable"),
        ("Part 1:\n12 * 2 = 24\nThe answer is 24.", "unparseable"),
        ("Part 1: 192\nThe answer to part 1 is 24.", "unparseable"),
        ("Part 1: 192\nThe answer to part 2 is 24.", "correct"),
        ("Part 1: \\boxed{192}, Part 2: \\boxed{24}", "correct"),
        ("Part 1: \\boxed{24}, part 2: \\boxed{25}", "wrong"),
        ("Part 1: \\boxed{192}\n\nThe answer is 24.", "correct"),
        ("Part 1: \\boxed{24}\n\nThe answer is 25.", "wrong"),
        ("\\boxed{24}\nPart 1: 192", "correct"),
        ("Part 1: read.\nPart 2: think of \\boxed{8}.\nPart 3: so \\boxed{24}.", "correct"),
    ],
)
def test_the_answer_of_an_earlier_part_is_not_that_of_a_chain(response: str, status: str) -> None:
    crate = Problem("A crate holds 12 boxes of 16 pencils. How many pencils?", 192)
    both = chain(crate, Problem("Tom has 35 nuts and eats 11. How many are left?", 24))
    assert CompositeVerifier().verify(response, both).status == status


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("\\[\\boxed{192}\\]\n\\[\\boxed{24}\\]", "correct"), ("\\boxed{192}, \\boxed{24}", "wrong"),
        ("$\\boxed{192}$\n\n$\\boxed{24}$.", "correct"), ("\\boxed{192}\n\\boxed{24}", "correct"),
        ("\\[\\boxed{192}\\] \\[\\boxed{24}\\]", "correct"), ("\\boxed{192}\nor\n\\boxed{24}", "wrong"),
        ("\\boxed{191}\n\\boxed{24}", "wrong"), ("\\boxed{24}\n\\boxed{192}", "wrong"),
        ("\\boxed{192}\n\\boxed{25}", "wrong"),
        ("\\boxed{192}\n\\boxed{23}\n\\boxed{24}", "wrong"), ("\\boxed{192}\n\\boxed{192}\n\\boxed{24}", "wrong"),
        ("\\boxed{X = 192}, \\boxed{24}", "correct"), ("\\boxed{192}\n\\boxed{24.0}", "correct"),
        ("\\boxed{191}, \\boxed{24}", "wrong"), ("\\boxed{24}, \\boxed{192}", "wrong"),
        ("\\boxed{192} or \\boxed{24}", "wrong"), ("\\boxed{192}/\\boxed{24}", "wrong"),
        ("\\boxed{192}, \\boxed{191}, \\boxed{24}", "wrong"), ("\\boxed{192}, \\boxed{192}, \\boxed{24}", "wrong"),
        ("\\boxed{192, 24}", "wrong"), ("\\boxed{192}, \\boxed{25}", "wrong"), ("\\boxed{192}, \\boxed{192}", "wrong"),
        ("\\boxed{X = 24}", "wrong"), ("\\boxed{Y = 24}", "wrong"), ("\\boxed{\\text{X} = 24}", "wrong"),
        ("Answer: X = 24", "wrong"), ("\\boxed{z = 24}", "correct"), ("\\boxed{Y = 35}, \\boxed{24}", "correct"),
    ],
)  # fmt: skip
def test_boxes_of_a_chain_may_hold_its_steps_and_then_the_answer(response: str, status: str) -> None:
    crate = Problem("A crate holds 12 boxes of 16 pencils. How many pencils?", 192)
    both = chain(crate, Problem("Tom has 35 nuts and eats 11. How many are left?", 24))
    assert (both.links[0].symbol_in, both.links[0].symbol_out) == ("X", "Y")
    assert CompositeVerifier().verify(response, both).status == status


def test_the_symbol_of_a_link_may_be_the_last_parts_own() -> None:
    crate = Problem("A crate holds 12 boxes of 16 pencils. How many pencils?", 192)
    both = chain(crate, Problem("Tom has 35 nuts and eats 11. How many are left?", 24))
    last = both.parts[1].replace(prompt="Tom has 35 nuts and eats 11. Find $X$, the number that is left.")
    own = Composite(both.prompt, "24", verifier="composite", parts=(crate, last), links=both.links, topology="chain")
    assert CompositeVerifier().verify(r"\boxed{X = 24}", own).correct


@pytest.mark.parametrize(
    ("response", "statuses"),
    [
        ("Part 1: \\boxed{42}, Part 2: \\boxed{no}, Part 3: \\boxed{B}", ["correct"] * 3),
        ("Part 1: 42, Part 2: no, Part 3: B", ["correct"] * 3),
        ("**Part 1:** 42. **Part 2:** no. **Part 3:** B.", ["correct"] * 3),
        ("So: (Part 1): \\boxed{42}; (part 2): \\boxed{No} and (part 3): \\boxed{(B)}.", ["correct"] * 3),
        ("Part 1: 42, Part 2: yes, Part 3: B", ["correct", "wrong", "correct"]),
        ("Part 1: 41\nPart 1: 42, Part 2: no, Part 3: B", ["wrong", "correct", "correct"]),
        ("Part 1: \\boxed{42} or \\boxed{41}, Part 2: \\boxed{no}, Part 3: \\boxed{B}", ["wrong", "correct", "correct"]),
        ("Part 2: no, Part 1: 42, Part 3: B", ["unparseable", "wrong", "unparseable"]),
        ("Part 1: 42 is what Part 2: the prime, asks of Part 3: B", ["unparseable"] * 3),
        ("```\nPart 1: 42, Part 2: no, Part 3: B\n```", ["unparseable"] * 3),
    ],
)  # fmt: skip
def test_a_bundle_may_be_answered_on_one_line(response: str, statuses: list[str]) -> None:
    assert _statuses(response)[2] == statuses


def test_a_courtesy_behind_the_last_part_of_a_bundle_hides_no_answer() -> None:
    parts = (Problem("6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"))
    both = Composite("Solve both.", "42\nno", verifier="composite", parts=parts, topology="bundle")
    judge = CompositeVerifier()
    for last in ("**No**", "no", r"\boxed{no}", "Answer: no"):
        assert judge.verify(f"Part 1: 42\n\nPart 2: {last}\n\nI hope this helps!", both).correct
    assert not judge.verify("Part 1: 42\n\nPart 2: no\n\nI hope this helps, or yes!", both).correct


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("Part 1 answer: 42\nPart 2 answer: no", True), ("**Part 1 Answer:** 42\n**Part 2 Answer:** No", True),
        ("Answer to Part 1: 42\nAnswer to Part 2: no", True), ("Part1: 42\nPart2: no", True),
        ("Part 1: 42\nPart 2: No, 91 is 7 times 13.", True), ("Part 1: 42\nPart 2: Yes, 91 is prime.", False),
        ("Part 1 answer: 42\nPart 1 answer: 43\nPart 2 answer: no", False), ("Part 1 answers: 42\nPart 2: no", False),
    ],
)  # fmt: skip
def test_headings_may_say_that_they_are_answers(response: str, correct: bool) -> None:
    parts = (Problem("6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"))
    both = Composite("Solve both.", "42\nno", verifier="composite", parts=parts, topology="bundle")
    assert CompositeVerifier().verify(response, both).correct is correct


def test_a_chain_may_box_what_its_link_makes_of_a_value() -> None:
    last = Problem("Tom has 57 nuts and eats 12 of them. How many nuts are left?", 45)
    both = chain(Problem("What is 6 times 7?", 42), last, seed=1)
    boxes = "\n".join(rf"\[\boxed{{{x}}}\]" for x in (42, 57, 45))
    judge = CompositeVerifier()
    assert judge.verify(boxes, both).correct
    assert not judge.verify(boxes.replace("57", "58"), both).correct
    assert not judge.verify(boxes.replace("42", "43"), both).correct
    assert not judge.verify("\n".join(rf"\[\boxed{{{x}}}\]" for x in (57, 42, 45)), both).correct


@pytest.mark.parametrize(
    ("gold", "response", "correct"),
    [
        ("no", "Answer: No, 91 = 7 * 13.", True), ("no", "Answer: **No**, it is not prime.", True),
        ("no", "Answer: yes, it is not.", False), ("no", "Answer: No, wait, yes", False),
        ("no", "Answer: no, or yes", False),
        ("no", "Answer: no-one", False), ("no", "Answer: No. But maybe.", False),
        ("no", "Answer: no; unless it is 7", False),
        ("Alice", r"\boxed{\textit{Alice}}", True), ("Alice", r"\boxed{\text{Alice.}}", True),
        ("Alice", r"\boxed{\mathbf{Alice}}", True),
        ("Alice", r"\boxed{\text{Alic.}}", False), ("Hello.", r"\boxed{\text{Hello.}}", True),
        ("[1, 2]", "The output is:\n```\n[1, 2]\n```", True), ("[1, 2]", "It prints:\n\n```text\n[1, 2]\n```", True),
        ("[1, 2]", "The code is\n```python\nx = [2, 1]\n```\nso the output is:\n```\n[1, 2]\n```", True),
        ("[1, 2]", "The output is:\n```\n[2, 1]\n```\n```\n[1, 2]\n```", False), ("[1, 2]", "Output:\n```\n[1, 2]", False),
        ("[1, 2]", "Consider this:\n```\n[1, 2]\n```", False), ("[1, 2]", "The output is:\n```\n[1,2]\n```", False),
        ("answer: 7", r"\boxed{answer: 7}", True),
    ],
)  # fmt: skip
def test_texts_and_verdicts_in_the_dress_that_models_give_them(gold: str, response: str, correct: bool) -> None:
    assert ExactVerifier().verify(response, Problem("q", gold, verifier="exact", domain="logic")).correct is correct


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("The answer is therefore B.", True), ("The answer is clearly (B).", True), ("The answer is B!", True),
        ('The answer is "B".', True), ("The correct answer choice is B.", True), (r"\boxed{\text{Answer: B}}", True),
        (r"\boxed{\text{The answer is B}}", True), ("Answer: B ✅", True), ("Answer: B\n\nExplanation: 97 is prime.", True),
        ("Answer: B\n\nExplanation: the answer is A or B.", False), ('The answer is "A" or "B".', False),
        (r"\boxed{\text{Answer: A or B}}", False), ("The answer is clearly not B.", False), ("Answer: B?", False),
        ("I choose B.\n\nLet me know if this helps!", True),
    ],
)  # fmt: skip
def test_letters_in_the_dress_that_models_give_them(response: str, correct: bool) -> None:
    problem = Problem("Which is prime?\nA. 91\nB. 97\nC. 87", "B", verifier="choice")
    assert ChoiceVerifier().verify(response, problem).correct is correct


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("The output is `[1, 2]`.", True), ("Output: [1, 2]", True), ("**Output:** `[1, 2]`", True),
        ("It sorts them.\nSo the program prints `[1, 2]`.", True), ("It will print [1, 2]", True),
        ("The function returns [1, 2].", True), ("The output is `[1, 3]`.", False), ("The output is not [1, 2].", False),
        ("If it is sorted, the output is [1, 2].", False), ("The output is [1, 2] or [2, 1].", False),
        ("The output is [1, 2].\nOr not.", False), ("The input is [1, 2].", False),
    ],
)  # fmt: skip
def test_a_last_line_may_say_what_a_program_prints(response: str, correct: bool) -> None:
    problem = Problem("What does it print?", "[1, 2]", verifier="exact", domain="code")
    assert ExactVerifier().verify(response, problem).correct is correct
    assert not ExactVerifier().verify(response, problem.replace(domain="logic")).correct


def test_exact_verifier_takes_linear_time_for_many_fences(in_time) -> None:
    text, problem = "```\nno\n" * 50_000, Problem("q", "no", verifier="exact")
    assert not in_time(0.7, lambda: ExactVerifier().verify(text, problem)).correct


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("1. \\boxed{42}\n2. \\boxed{no}", "correct"), ("1. 42\n2. no", "correct"), ("**1.** 42\n**2.** no", "correct"),
        ("1) First 6*7 = 42, so \\boxed{42}\n\n2) no", "correct"), ("Problem 1: 42\nProblem 2: no", "correct"),
        ("Part I: 42\nPart II: no", "correct"), ("**Part I**\n42\n**Part II**\nno", "correct"),
        ("1. 43\n2. no", "wrong"), ("2. no\n1. 42", "unparseable"), ("1. 6 times 7\n2. is 42\n3. and no", "unparseable"),
        ("1. \\boxed{42}\n1. \\boxed{43}\n2. \\boxed{no}", "unparseable"),
    ],
)  # fmt: skip
def test_a_bundle_may_be_answered_as_a_list(response: str, status: str) -> None:
    both = bundle(Problem("What is 6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"))
    assert CompositeVerifier().verify(response, both).status == status


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("The output is **42**", True), ("Therefore, the output is **42**.", True), ("The output is: **42**", True),
        ("The program prints **42**.", True), ("The output is **`42`**", True), ("**Output:** **42**", True),
        ("**Output: 42**", True), ("- **Output:** 42", True), ("* **Output**: `42`", True), ("**The output is 42.**", True),
        ("**So** the output is **42**", True), ("*Output:* 42", True), ("The output is **43**", False),
        ("The output is **42** or **43**", False), ("The output is not **42**", False), ("The output is **4**2", False),
        ("The output is **42", False),
    ],
)  # fmt: skip
def test_what_a_program_prints_may_be_set_in_bold(response: str, correct: bool) -> None:
    problem = Problem("What does it print?", "42", verifier="exact", domain="code")
    assert ExactVerifier().verify(response, problem).correct is correct


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        (r"\boxed{\text{No, 91 is not prime}}", True), ("Answer: No (91 = 7 × 13)", True), ('The answer is: "No".', True),
        ("Answer: 'No'", True), (r"\boxed{\text{No}, 91 \text{ is not prime}}", True), ("Answer: “No”, 7 divides it", True),
        (r"\boxed{\text{No, or yes}}", False), ("Answer: No (or yes)", False), ('The answer is: "No" or "Yes".', False),
        ("Answer: 'No' 'Yes'", False), (r"\boxed{\text{No}, \text{Yes}}", False), ("Answer: No (91 = 7 × 13) yes", False),
        (r"\boxed{\text{Yes, 91 is not prime}}", False), ("Answer: No (maybe)", False), ("Answer: No (possibly)", False),
    ],
)  # fmt: skip
def test_a_declared_verdict_may_give_its_reason_and_stand_in_quotes(response: str, correct: bool) -> None:
    assert ExactVerifier().verify(response, Problem("Is 91 prime?", "no", verifier="exact")).correct is correct


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("Selected answer: B", True), ("97 is prime.\nIt is therefore option **B**.", True), ("✅ **B. 97**", True),
        ("91 is 7 * 13.\n\n✅ **B. 97**", True), ("**Conclusion:** B is correct.", True), ("Chosen option: (B)", True),
        (r"\boxed{\text{B} \text{ 97}}", True), ("✔️ **B**", True), ("**Selected answer: B**", True),
        ("❌ A. 91\n✅ B. 97", True),
        ("Selected answer: A", False), ("It is therefore not option **B**.", False), ("✅ A. 91\nx\n✅ **B. 97**", False),
        ("**Conclusion:** A is correct.", False), (r"\boxed{\text{B} \text{ or C}}", False),
        (r"\boxed{\text{B} \text{C}}", False), ("Chosen option: (B) or (A)", False), ("It is option B or A", False),
        ("✅ B or A", False), ("✅ **B. 91**", False), (r"\boxed{\text{B} \text{ is wrong}}", False),
        ("If it is prime, it is option B.", False), (r"\boxed{\text{B} \text{ 91}}", False), ("It is B, or not.", False),
    ],
)  # fmt: skip
def test_letters_may_be_selected_ticked_or_concluded(response: str, correct: bool) -> None:
    problem = Problem("Which is prime?\nA. 91\nB. 97\nC. 87", "B", verifier="choice")
    assert ChoiceVerifier().verify(response, problem).correct is correct


# --- bundles and chains as models lay them out

SUMS = bundle(Problem("What is 8 times 2?", 16), Problem("What is 70 + 4?", 74), Problem("What is 9 + 8?", 17))
RECAPS = [
    "The final answers are \\boxed{16}, \\boxed{74}, \\boxed{17}.", "\\boxed{16}\n\\boxed{74}\n\\boxed{17}",
    "### Final Answer\n\n\\boxed{16, 74, 17}", "**Final answers:** \\boxed{16}, \\boxed{74} and \\boxed{17}",
    "\\[\\boxed{16}\\]\n\\[\\boxed{74}\\]\n\\[\\boxed{17}\\]", "\\boxed{16; 74; 17}", "\\boxed{(16, 74, 17)}",
    "---\n\n**Final Answer**\n\n$$\\boxed{16,\\ 74,\\ 17}$$\n\nI hope this helps!",
    "In all: \\boxed{16, 74 \\text{ and } 17}",
]  # fmt: skip


@pytest.mark.parametrize("recap", RECAPS)
@pytest.mark.parametrize(
    "answers",
    ["Part 1: \\boxed{16}\n\nPart 2: \\boxed{74}\n\nPart 3: \\boxed{17}", "Part 1: 16\nPart 2: 74\nPart 3: 17",
     "### Question 1\n8 * 2 = 16\n\\boxed{16}\n\n### Question 2\n\\boxed{74}\n\n### Question 3\nSo\n\\boxed{17}"],
)  # fmt: skip
def test_a_recap_says_the_parts_answers_again(answers: str, recap: str) -> None:
    judge = CompositeVerifier()
    assert judge.verify(f"{answers}\n\n{recap}", SUMS).correct
    for right, other in (("16", "15"), ("74", "75"), ("17", "18")):
        assert not judge.verify(f"{answers}\n\n{recap.replace(right, other)}", SUMS).correct
        assert not judge.verify(f"{answers.replace(right, other)}\n\n{recap}", SUMS).correct
    swapped = recap.replace("16", "@").replace("17", "16").replace("@", "17")
    assert not judge.verify(f"{answers}\n\n{swapped}", SUMS).correct


def test_a_recap_that_differs_costs_its_part_whatever_the_others_are() -> None:
    for last in ("\\boxed{18}\n\nIn all: ", ""):
        said = f"Part 1: 16\nPart 2: 74\nPart 3: {last}\\boxed{{15}}, \\boxed{{74}}, \\boxed{{17}}"
        assert CompositeVerifier(partial=True).verify(said, SUMS).score == 0.0


def test_a_recap_of_two_parts_is_no_list_for_the_last() -> None:
    roots = bundle(Problem("What is 8 times 2?", 16), Problem("Solve (x - 1)(x - 2) = 0.", "1, 2"))
    judge = CompositeVerifier()
    assert judge.verify("Part 1: 16\nPart 2: \\boxed{1, 2}", roots).correct
    assert judge.verify("Part 1: 16\nPart 2: \\boxed{1}, \\boxed{2}", roots).correct
    assert not judge.verify("Part 1: 16\nPart 2: \\boxed{1, 3}", roots).correct
    assert judge.verify("Part 1: 16\nPart 2: \\boxed{1, 2}\n\nIn all: \\boxed{16}, \\boxed{1, 2}", roots).correct
    assert not judge.verify("Part 1: 16\nPart 2: \\boxed{1, 2}\n\nIn all: \\boxed{15}, \\boxed{1, 2}", roots).correct
    no_own = "Part 1: 16\nPart 2: \\boxed{16, 17}"
    assert not judge.verify(no_own, bundle(*SUMS.parts[::2])).correct
    assert judge.verify(no_own.replace("\\boxed", "17\n\\boxed"), bundle(*SUMS.parts[::2])).correct
    mixed = "Part 1:\n\\boxed{42}\n\nPart 2:\n\\boxed{no}\n\nPart 3:\n\\boxed{B}\n\nSo: \\boxed{42, no, B}"
    assert _statuses(mixed)[1] == "correct"
    assert _statuses(mixed.replace("no, B", "yes, B"))[2] == ["correct", "wrong", "correct"]


@pytest.mark.parametrize(
    "form",
    [
        "\\textbf{{Part {k}:}} {x}", "\\section*{{Part {k}}}\n{x}", "🔹 **Part {k}:** {x}", "**Solution to Part {k}:**\n{x}",
        "<u>Part {k}:</u> {x}", "### Question {k}\n{x}", "✅ Part {k}: {x}", "1️⃣ **Part {k}:** {x}", "➡️ Part {k}\n{x}",
        "\\textbf{{Part {k}}}: {x}", "\\subsection*{{Part {k}: Solve}}\n{x}", "<b>Part {k}</b>: {x}", "● Part {k}: {x}",
        "### Question {k}: what it is\n1. One\n2. Two\n{x}", "$\\boxed{{{y}}}$", "\\[\\boxed{{{y}}}\\]", "- \\boxed{{{y}}}",
        "**<u>Part {k}:</u>** {x}", "\\paragraph{{Part {k}.}} {x}", "## 🔹 Part {k}: the sum\n{x}", "**🔹 Part {k}:** {x}",
    ],
)  # fmt: skip
def test_headings_in_the_dress_that_models_give_them(form: str) -> None:
    judge = CompositeVerifier()

    def said(*answers: int) -> str:
        return "\n\n".join(form.format(k=k, x=f"\\boxed{{{y}}}", y=y) for k, y in enumerate(answers, start=1))

    assert judge.verify(said(16, 74, 17), SUMS).correct
    assert judge.verify(said(16, 75, 17), SUMS).status == "wrong"
    assert not judge.verify(said(16, 17, 74), SUMS).correct
    assert not judge.verify(said(16, 74), SUMS).correct
    assert not judge.verify(said(16, 74, 17) + "\n\n" + form.format(k=2, x="\\boxed{75}", y="75"), SUMS).correct


@pytest.mark.parametrize(
    "response",
    [
        "\\boxed{16}\n\\boxed{74}\n\\boxed{75}\n\\boxed{17}", "\\boxed{16}, \\boxed{74}, \\boxed{17}",
        "I think \\boxed{16}\n\\boxed{74}\n\\boxed{17}", "\\boxed{16}\nor\n\\boxed{74}\n\\boxed{17}",
        "\\boxed{16}\\boxed{3}\n\\boxed{74}\n\\boxed{17}",
        "Question 1\n\\boxed{16}\nQuestion 1\n\\boxed{15}\nQuestion 2\n\\boxed{74}\nQuestion 3\n\\boxed{17}",
    ],
)  # fmt: skip
def test_boxes_in_lines_of_their_own_are_one_for_each_part(response: str) -> None:
    assert CompositeVerifier().verify(response, SUMS).status == "unparseable"


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("### Part 1: Find X\nX = 192\n\n### Final Answer\n\\boxed{24}", "correct"),
        ("**Part 1:** We find X.\n\nX = 192\n\n**Final Answer:** \\boxed{24}", "correct"),
        ("Part 1: X = 192\n\nSecond part: total 24.\n\n#### 24", "correct"), ("Part 1: 192\n\nFinal answer: 24", "correct"),
        ("Part 1: 12 * 16 = 192\nThen 24.\nThe final answer is 24.", "correct"),
        ("## Part 1\n192\n## The second problem\nso \\boxed{24}", "correct"),
        ("### Part 1: Find X\nX = 192\n\n### Final Answer\n\\boxed{25}", "wrong"),
        ("Part 1: X = 192\n\nSecond part: total 25.\n\n#### 25", "wrong"), ("Part 1:\n#### 24", "unparseable"),
        ("**Part 1**\n**Answer:** \\boxed{24}", "unparseable"), ("### Part 1\n\\boxed{24}", "unparseable"),
        ("Part 1: 192\nThe final answer to part 1 is 24.", "unparseable"), ("Part 1: X = 24", "unparseable"),
        ("### Part 1\n#### Step 1\nx\n#### Step 2\n\\boxed{24}", "unparseable"), ("Part 1: X = 24.\nSo X = 24", "wrong"),
        ("### Part 1\n### Solution\n\\boxed{24}", "unparseable"), ("Part 1: so\nX = \\boxed{24}", "unparseable"),
    ],
)  # fmt: skip
def test_a_final_answer_ends_the_section_of_an_earlier_part(response: str, status: str) -> None:
    crate = Problem("A crate holds 12 boxes of 16 pencils. How many pencils?", 192)
    both = chain(crate, Problem("Tom has 35 nuts and eats 11. How many are left?", 24))
    assert CompositeVerifier().verify(response, both).status == status


def test_a_chain_of_three_may_number_two_parts_before_its_final_answer() -> None:
    crate = Problem("A crate holds 12 boxes of 16 pencils. How many pencils?", 192)
    nuts, pens = (
        Problem("Tom has 35 nuts and eats 11. How many are left?", 24),
        Problem("Ann has 9 pens, buys 5. How many?", 14),
    )
    three = chain(crate, nuts, pens)
    judge = CompositeVerifier(partial=True)
    for final in ("**Final Answer:** \\boxed{14}", "#### 14", "### Final Answer\n14", "Final answer: 14"):
        said = f"Part 1: \\boxed{{192}}\n\nPart 2: \\boxed{{24}}\n\n{final}"
        assert judge.verify(said, three).correct
        assert judge.verify(said.replace("14", "15"), three).score == pytest.approx(2 / 3)
    assert judge.verify("Part 1: \\boxed{192}\n\nPart 2: \\boxed{14}", three).score == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    "unit",
    ["a\n", "box\n", "Answer\n", "#### a\n", "#### 1\n", "Final answer\n", "## \n", "part ", "Part 1: ", "\\textbf{", "🔹",
     "<u>", "### Question 1", "### Question 1\n", "\\boxed{1,", "- ", "final ", "X = 1\n", "\n", "* part"],
)  # fmt: skip
def test_composite_verifier_takes_linear_time_for_hostile_responses(in_time, unit: str) -> None:
    three = chain(
        Problem("6 times 7?", 42),
        Problem("Tom has 35 nuts, eats 11. Left?", 24),
        Problem("Ann has 9 pens, buys 5?", 14),
    )
    text = "Part 1: 7\nPart 2: " + unit * (400_000 // len(unit))
    for problem in (three, SUMS):
        in_time(1.0, partial(CompositeVerifier().verify, text, problem))
