"""Recognizes the languages of texts whose pages declare none, with py3langid."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from archiver.model.errors import ExtraMissing

_BEGINNING, _FEWEST_LETTERS = 200, 20
"""The language of a text is recognized from this many characters at its beginning, if they contain enough letters."""

_ONE_LANGUAGE = {"wuu": "zh", "nb": "no", "nn": "no", "iw": "he", "in": "id", "ji": "yi", "fil": "tl", "hbs": "sh"}
"""Maps codes of varieties of a language, and former codes, to the code with which languages are compared."""

Recognized = tuple[str | None, float | None]
"""The language of a text (ISO 639-1) and its probability; (None, None) if the text is too short."""


def recognize_languages(texts: Sequence[str]) -> list[Recognized]:
    """Returns the language of each text. A thousand texts at a time are recognized ten times as fast as each alone.
    Raises ExtraMissing if py3langid is not installed.
    """
    out: list[Recognized] = [(None, None)] * len(texts)
    long_enough = {n: text[:_BEGINNING] for n, text in enumerate(texts) if _has_enough_letters(text)}
    if long_enough:
        found = _recognizer().recognize(list(long_enough.values()))
        for n, (name, score) in zip(long_enough, found, strict=True):
            out[n] = one_language(name), round(score, 4)
    return out


def _has_enough_letters(text: str) -> bool:
    return sum(map(str.isalpha, text[:_BEGINNING])) >= _FEWEST_LETTERS


def one_language(tag: str) -> str:
    """Returns the language of a tag (BCP 47) without region and script, so that languages can be compared."""
    name = tag.partition("-")[0].lower()
    return _ONE_LANGUAGE.get(name, name)


@cache
def _recognizer() -> _Recognizer:
    return _Recognizer()


class _Recognizer:
    """Recognizes the languages of many texts at once, with the model and the formula of py3langid's
    `LanguageIdentifier.classify` (naive Bayes over the features that an automaton finds in the bytes of a text).

    py3langid follows the automaton through one text after the other, in Python. Here NumPy follows it through all texts
    at the same time, byte by byte. Each score is summed up for its text alone, so it does not depend on the others.
    """

    def __init__(self) -> None:
        try:
            import numpy
            from py3langid.langid import MODEL_FILE, LanguageIdentifier
        except ImportError as error:
            raise ExtraMissing("Recognizing languages", "datasets") from error
        self._np: Any = numpy
        self._model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        self._moves = numpy.asarray(self._model.tk_nextmove)
        self._rows = numpy.asarray(self._model.tk_row).astype(numpy.int32) << 8
        self._features = numpy.asarray(self._model.tk_output, dtype=numpy.int32)

    def recognize(self, texts: Sequence[str]) -> list[tuple[str, float]]:
        """Returns the language of each text, as py3langid names it, with its probability."""
        np = self._np
        encoded = [self._model._encode(text) for text in texts]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        order = np.argsort(-lengths, kind="stable")
        scores = self._scores(self._visited(encoded, lengths, order))
        scores *= (1 / np.sqrt(np.maximum(lengths[order], 1)))[:, None].astype(np.float32)
        np.exp(scores - scores.max(axis=1, keepdims=True), out=scores)
        scores /= scores.sum(axis=1, keepdims=True)
        for one, other in self._model._alias_pairs:  # two columns of the same language
            scores[:, one] += scores[:, other]
            scores[:, other] = 0
        best = scores.argmax(axis=1)
        found = zip(best.tolist(), scores[np.arange(len(texts)), best].tolist(), strict=True)
        names = self._model.nb_classes
        return [(names[n], score) for _, (n, score) in sorted(zip(order.tolist(), found, strict=True))]

    def _visited(self, encoded: Sequence[bytes], lengths: Any, order: Any) -> Any:
        """Returns the features that the automaton finds in each text: one row per text, longest text first, one column
        per byte, -1 where there is none.
        """
        np = self._np
        longest = int(lengths.max())
        padded = b"".join(encoded[n].ljust(longest, b"\0") for n in order.tolist())
        columns = np.frombuffer(padded, np.uint8).reshape(len(encoded), longest).T.copy()
        # The first so many texts have a byte at each position.
        counts = np.searchsorted(-lengths[order], -np.arange(longest), side="left")
        found = np.full((longest, len(encoded)), -1, np.int32)
        states = np.zeros(len(encoded), np.int64)
        for column, count, features in zip(columns, counts.tolist(), found, strict=True):
            states = self._moves[self._rows[states[:count]] + column[:count]]
            features[:count] = self._features[states]
        return np.ascontiguousarray(found.T)

    def _scores(self, visited: Any) -> Any:
        """Returns the score of each language for each text: the weights of its features, each times log(1 + number of
        visits).
        """
        np = self._np
        texts, width = visited.shape
        visited.sort(axis=1)
        is_first = visited >= 0
        is_first[:, 1:] &= visited[:, 1:] != visited[:, :-1]
        starts = np.flatnonzero(is_first)
        of_text = starts // width
        ends = np.minimum(np.append(starts[1:], visited.size), (of_text + 1) * width)
        counts = np.log1p((ends - starts).astype(np.float32))
        features = visited.ravel()[starts]
        # The weights of these features alone stay in the processor's cache.
        places = np.zeros(len(self._model.nb_ptc), np.int32)
        places[features] = 1
        used = np.flatnonzero(places)
        places[used] = np.arange(len(used))
        weights, features = self._model.nb_ptc.take(used, axis=0).astype(np.float32), places[features]
        scores = np.zeros((texts, len(self._model.nb_classes)), np.float32)
        bounds = np.searchsorted(of_text, np.arange(texts + 1)).tolist()
        for score, start, end in zip(scores, bounds, bounds[1:], strict=False):
            if end > start:
                np.dot(counts[start:end], weights.take(features[start:end], axis=0), out=score)
                score += self._model.nb_pc
        return scores
