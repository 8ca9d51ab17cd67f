"""Drafts change how many passes a text takes, and nothing else."""

from __future__ import annotations

import pytest

import abi
from abi.errors import InputError
from abi.generate import Draft, Generation, Model, PromptLookup, model_path
from tests.oracle.cases import requantize
from tests.synthetic import LlamaShape, llama_bytes

STORY = (
    "Once upon a time, there was a kind mouse named Finn who loved to listen to the water. "
    "Everyone liked him because he was so polite. One day, Finn was playing with a silver ball."
)


@pytest.fixture(scope="module")
def model() -> Model:
    return abi.load(kernels="numpy")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Model:
    path = tmp_path_factory.mktemp("draft") / "small.gguf"
    requantize(model_path(), path, "Q4_0")
    return abi.load(path, kernels="numpy")


def run(
    model: Model, prompt: str | list[int], draft: Draft | None, **options: object
) -> Generation:
    model.prompt_cache.clear()
    generation = model.generate(prompt, draft=draft, **options)  # type: ignore[arg-type]
    generation.read()
    return generation


@pytest.mark.parametrize("options", [{"temperature": 0.0}, {"seed": 4}, {"seed": 5, "top_k": 5}])
@pytest.mark.parametrize("prompt", [STORY, "Lily and Tom", STORY + " " + STORY[:60]])
def test_the_text_is_the_same(
    model: Model, small: Model, prompt: str, options: dict[str, object]
) -> None:
    plain = run(model, prompt, None, max_tokens=80, **options)
    for draft in (PromptLookup(), small.draft_for(model)):
        drafted = run(model, prompt, draft, max_tokens=80, **options)
        assert drafted.tokens == plain.tokens
        assert drafted.text == plain.text
        assert drafted.finish_reason == plain.finish_reason


def test_fewer_passes_are_taken(model: Model, small: Model) -> None:
    loops = abi.load(llama_bytes(LlamaShape()), kernels="numpy")  # greedy noise repeats itself
    for text, draft in ((model, small.draft_for(model)), (loops, PromptLookup())):
        timings = run(text, STORY, draft, max_tokens=60, temperature=0).timings
        passes = timings.decode_tokens - timings.draft_accepted
        assert 0 < timings.draft_accepted <= timings.draft_tokens
        assert passes < 0.8 * timings.decode_tokens


def test_a_wrong_guess_costs_nothing_but_itself(model: Model) -> None:
    class Wrong:
        def propose(self, tokens: object, most: int) -> list[int]:
            return [300] * min(3, most)

    plain = run(model, "Lily", None, max_tokens=30, temperature=0)
    drafted = run(model, "Lily", Wrong(), max_tokens=30, temperature=0)
    assert drafted.tokens == plain.tokens
    assert drafted.timings.draft_accepted == 0


def test_a_draft_stays_within_the_context_and_the_limit(model: Model) -> None:
    seen: list[int] = []

    class Greedy:
        def propose(self, tokens: object, most: int) -> list[int]:
            seen.append(most)
            return [300] * most

    run(model, "Lily", Greedy(), max_tokens=6, temperature=0, draft_tokens=4)
    assert seen == [4, 3, 2, 1]
    full = abi.load(kernels="numpy", n_ctx=12)
    generation = run(full, "Lily and Tom went", Greedy(), temperature=0, draft_tokens=50)
    assert generation.finish_reason == "context"


def test_stop_strings_and_logprobs_work_within_a_guess(model: Model, small: Model) -> None:
    options = {"max_tokens": 60, "temperature": 0.0, "stop": ["Finn"], "logprobs": 2}
    plain = run(model, STORY, None, **options)
    drafted = run(model, STORY, small.draft_for(model), **options)
    assert drafted.text == plain.text
    assert drafted.finish_reason == "stop"
    assert [t.token for t in drafted.logprobs or []] == plain.tokens


def test_a_guess_is_left_where_it_is_cancelled(model: Model, small: Model) -> None:
    seen: list[int] = []
    for by_method in (True, False):
        model.prompt_cache.clear()
        seen.clear()
        generation = model.generate(
            STORY, max_tokens=60, temperature=0, draft=small.draft_for(model), draft_tokens=20,
            cancel=None if by_method else lambda: len(seen) >= 3,
        )  # fmt: skip
        for piece in generation:
            seen.append(len(piece))
            if by_method and len(seen) == 3:
                generation.cancel()
        assert generation.finish_reason == "cancelled"
        assert len(generation.tokens) <= 5


def test_lookup_takes_the_longest_and_latest_match() -> None:
    lookup = PromptLookup(longest=3, shortest=2)
    assert lookup.propose([1, 2, 3, 4, 9, 2, 3, 5, 2, 3], 2) == [5, 2]
    assert lookup.propose([1, 2, 3, 4, 9, 2, 3, 5, 2, 3, 5], 2) == [2, 3]
    assert lookup.propose([1, 2, 3, 7, 1, 2], 9) == [3, 7, 1, 2]  # another text
    assert lookup.propose([1], 4) == []
    assert lookup.propose([1, 2, 3], 4) == []
    with pytest.raises(InputError, match="longest=1, shortest=2"):
        PromptLookup(longest=1, shortest=2)


def test_a_draft_needs_the_same_vocabulary(model: Model) -> None:
    other = abi.load(llama_bytes(LlamaShape()), kernels="numpy")
    with pytest.raises(
        InputError, match=r"needs the model's vocabulary, and token 259 is '.*' there"
    ):
        other.draft_for(model)
    longer = abi.load(llama_bytes(LlamaShape(n_vocab=320 + 129)), kernels="numpy")
    with pytest.raises(InputError, match="they have 449 and 320 tokens"):
        longer.draft_for(other)
    with pytest.raises(InputError, match="draft_tokens=0: expected a whole number above 0"):
        model.generate("a", draft=PromptLookup(), draft_tokens=0)
    with pytest.raises(InputError, match="draft='x': expected PromptLookup"):
        model.generate("a", draft="x")  # type: ignore[arg-type]


@pytest.mark.parametrize("sizes", [(320, 448), (448, 320)])
def test_a_draft_may_have_a_padded_vocabulary(sizes: tuple[int, int]) -> None:
    model, small = (abi.load(llama_bytes(LlamaShape(n_vocab=n)), kernels="numpy") for n in sizes)
    draft = small.draft_for(model, least=0.0)
    prompt = [1, 300, 310, *([447] if sizes[1] > sizes[0] else [])]
    prompt = [token for token in prompt if token < sizes[0]]
    drafted = run(model, prompt, draft, max_tokens=40, temperature=0)
    assert drafted.tokens == run(model, prompt, None, max_tokens=40, temperature=0).tokens
    assert drafted.timings.draft_tokens > 0
    assert draft.propose([1, 447], 4) == [] or sizes[1] == 448


def test_a_draft_serves_one_text_after_another(model: Model, small: Model) -> None:
    draft = small.draft_for(model)
    for prompt in (STORY, "Lily and Tom", STORY[:90]):
        plain = run(model, prompt, None, max_tokens=20, temperature=0)
        assert run(model, prompt, draft, max_tokens=20, temperature=0).tokens == plain.tokens
