"""Tests of what training leans on: python3 training/self_test.py (needs torch, numpy, regex; seconds)."""
import pathlib
import random
import re
import sys
import tempfile
import unittest

import numpy
import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import corpus
import export
import model as v4
import numerics
import safetensors_file as st
import tokenizer as bpe
from tasks import gaps, needles, prompt, prose, records, relations, values
from tasks.mixture import Haystack, Mixture

ROOT = pathlib.Path(__file__).resolve().parent.parent


class NoHaystack:
    """Stands where tasks that read no running text need none."""

    def common_words(self):
        return ["apple", "river", "stone", "cloud", "paper", "green", "seven", "north"]


class TokenizerTest(unittest.TestCase):
    tokenizer = bpe.Tokenizer(ROOT / "models/nano/tokenizer.json")

    def test_any_text_comes_back(self):
        for text in ("Ünïcode 東京タワー \U0001f600\t\tx\r\n\n  y  ", "INV-20113; EUR 12,480.00", "", " \n"):
            self.assertEqual(self.tokenizer.decode(self.tokenizer.encode(text)), text)

    def test_text_never_yields_a_special_token(self):
        for content in bpe.SPECIAL_TOKENS:
            self.assertFalse(set(self.tokenizer.encode(content)) & set(self.tokenizer.special.values()))

    def test_numbers_are_cut_in_threes(self):
        self.assertEqual(len(self.tokenizer.encode("1234567")), 3)


class NumericsTest(unittest.TestCase):
    def test_every_e4m3_and_e2m1_value_is_its_own_rounding(self):
        codes = numpy.array([c for c in range(256) if c & 127 != 127], dtype=numpy.uint8)
        values = torch.from_numpy(st.from_e4m3(codes))
        self.assertTrue((numerics.round_e4m3(values) == values).all())
        self.assertTrue((st.to_e4m3(values.numpy()) == codes).all())
        grid = torch.from_numpy(numpy.concatenate((st.E2M1, -st.E2M1)))
        self.assertTrue((numerics.round_e2m1(grid) == grid).all())

    def test_ties_go_to_even(self):
        self.assertEqual(numerics.round_e2m1(torch.tensor([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5.0])).tolist(),
                         [0, 1, 1, 2, 2, 4, 4])
        self.assertEqual(numerics.round_e4m3(torch.tensor([17.0, 19.0, 2.0 ** -10, 3 * 2.0 ** -10])).tolist(),
                         [16.0, 20.0, 0.0, 2.0 ** -8])

    def test_scale_is_the_least_power_of_two_that_holds_the_largest_value(self):
        for amax, scale in ((448.0, 1.0), (449.0, 2.0), (224.0, 0.5), (1.0, 2.0 ** -8)):
            self.assertEqual(float(numerics.power_of_two_scale(torch.tensor(amax), 448.0)), scale)

    def test_gradients_pass_straight_through(self):
        x = torch.randn(4, 128, requires_grad=True)
        numerics.fake_activation(x).sum().backward()
        self.assertTrue((x.grad == 1).all())


class ModelTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        torch.manual_seed(0)
        cls.config = v4.Config(ROOT / "training/configs/nano-cpu.json")
        cls.config.index_topk = 16
        cls.model = v4.Model(cls.config).train()
        cls.ids = torch.randint(0, cls.config.vocab_size, (1, 384))

    def run_with(self, **how):
        self.model.zero_grad()
        streams, loss = self.model.streams(self.ids, v4.Numerics(), v4.Attending(**how))
        hidden = self.model.hidden(streams)
        (hidden.square().mean() + loss).backward()
        gradient = torch.cat([p.grad.flatten() for p in self.model.parameters() if p.grad is not None])
        return hidden.detach(), gradient

    def test_chunks_gathering_and_recomputing_change_nothing(self):
        hidden, gradient = self.run_with()
        for how in (dict(gather_above=0), dict(chunk=128), dict(chunk=128, gather_above=32, remember=False)):
            other_hidden, other_gradient = self.run_with(**how)
            self.assertLess((hidden - other_hidden).abs().max(), 1e-3, how)
            self.assertLess((gradient - other_gradient).norm(), 1e-3 * gradient.norm(), how)

    def test_later_tokens_change_nothing_before_them(self):
        ids = self.ids[0].clone()
        before = self.model.eval().logits(ids, v4.Numerics())
        ids[300:] = 7
        after = self.model.logits(ids, v4.Numerics())
        self.assertLess((before[:300] - after[:300]).abs().max(), 1e-4)
        self.assertGreater((before[300:] - after[300:]).abs().max(), 1e-2)

    def test_a_written_checkpoint_reads_back_to_itself(self):
        other = v4.Model(self.config)
        with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
            st.write_checkpoint(first, export.to_tensors(self.model), 1_000_000)
            export.load_into(other, first)
            st.write_checkpoint(second, export.to_tensors(other), 10 ** 9)
            a, b = st.read_checkpoint(first), st.read_checkpoint(second)
        self.assertEqual(a.keys(), b.keys())
        for stem, store, _ in export.parts(other):  # values: a tile may be spelled with half the scale
            self.assertTrue((export.decoded(a, stem, store) == export.decoded(b, stem, store)).all(), stem)


class TasksTest(unittest.TestCase):
    tokenizer = TokenizerTest.tokenizer

    def test_a_seed_decides_everything(self):
        mixture = Mixture(self.tokenizer, NoHaystack())
        kinds = {"lookups": 1, "tables": 1, "repeats": 1}
        first, again, other = (mixture.batch(seed, 4, 384, kinds)[0] for seed in (3, 3, 4))
        self.assertTrue((first == again).all())
        self.assertFalse((first == other).all())

    def test_evidence_is_in_the_document_and_the_answer_in_the_evidence(self):
        r = random.Random(1)
        for _ in range(300):
            maker = r.choice((lambda: records.table(r, 3, 3, r.choice(records.ENTITIES)), lambda: records.cards(r, 2, 4, r.choice(records.ENTITIES)), lambda: records.notes(r, 2, 2),
                              lambda: prose.paper(r, 5)))
            document, turns, absent = maker()
            for turn in turns:
                for line in turn.evidence:
                    self.assertIn(line, document.passages[0])
                evidence = " ".join(turn.evidence)
                parts = [turn.answer] if turn.answer in evidence else turn.answer.split(" and ")
                self.assertTrue(turn.evidence and all(part in evidence for part in parts), turn)
            self.assertEqual(absent().answer, prompt.REFUSAL)

    def test_every_relation_and_passage_states_what_it_is_asked_for(self):
        r = random.Random(2)
        told, passages = relations.load()
        for relation in told:
            for template in relation.says + relation.asks:
                self.assertIn("{x}", template, relation.name)
            for template in relation.says + relation.bare:
                self.assertIn("{v}", template, relation.name)
            for template in relation.bare + relation.bare_asks:
                self.assertNotIn("{x}", template, relation.name)
        for table in passages:
            document, turns, _ = relations.passage(r, table)
            for turn in turns:
                self.assertIn(turn.evidence[0], document.passages[0])
                self.assertIn(turn.answer, turn.evidence[0])
        for _ in range(300):
            facts = relations.Facts(r, told)
            document = r.choice((lambda: facts.paper(6, None), lambda: facts.notes(6, None), lambda: facts.table(3, 3)))()
            for turn in facts.turns():
                self.assertIn(turn.evidence[0], document.passages[0])
                self.assertIn(turn.answer, turn.evidence[0])

    def test_a_gap_is_answered_by_its_sentence_and_not_by_its_question(self):
        r, made = random.Random(4), []
        sentences = ["The clerk wrote a short letter to the harbour office before noon.", "Old maps were kept in the tower until the fire of 1702.",
                     "Nobody had seen the second key since Peter Holm left the village, and the door stayed shut."]
        stem = lambda word: (word[:-2], "ed") if word.endswith("ed") else (None, "")
        for _ in range(600):
            found = gaps.gap(r, r.choice(sentences), lambda: values.mixed_code(r), stem)
            if found:
                sentence, turn = found
                made.append(turn.question)
                self.assertEqual(turn.evidence, [sentence])
                self.assertEqual(sentence.count(turn.answer), 1)
                self.assertNotIn(f" {turn.answer.lower()} ", turn.question.lower())
        self.assertGreater(len(set(made)), 200)
        self.assertTrue(any(question.startswith("What did the clerk write ") for question in made))

    def test_what_is_quoted_stands_in_the_documents(self):
        with tempfile.TemporaryDirectory() as folder:
            text = "\n".join((ROOT / name).read_text() for name in ("README.md", "docs/ARCHITECTURE.md", "docs/API.md", "training/README.md"))
            path = pathlib.Path(folder) / "haystack.u16"
            numpy.array(self.tokenizer.encode(text), dtype=numpy.uint16).tofile(path)
            mixture, quotes = Mixture(self.tokenizer, Haystack(self.tokenizer, path)), 0
            for length in [1024] * 12 + [4096] * 6 + [32768]:  # the last takes more papers than are of one subject
                ids, _ = mixture.sample(random.Random(length + quotes), length, {"meanings": 1})
                for conversation in self.tokenizer.decode(ids).split(prompt.SYSTEM)[1:]:
                    documents, *turns = conversation.split("\n\nQuestion: ")
                    for evidence in re.findall(r"</think>Evidence: ?(.*?)\nAnswer:", "".join(turns), re.S):
                        self.assertIn(evidence, documents)
                        quotes += 1
            self.assertGreater(quotes, 300)

    def test_the_prompt_is_the_products(self):
        header = (ROOT / "answer/prompt.h").read_text()
        written = re.search(r"kSystemText =\s*((?:\"(?:[^\"\\]|\\.)*\"\s*)+);", header).group(1)
        text = "".join(re.findall(r"\"((?:[^\"\\]|\\.)*)\"", written)).replace('\\"', '"')
        self.assertEqual(text, prompt.SYSTEM)

    def test_needles_are_not_those_of_the_evaluation(self):
        evaluation = (ROOT / "eval/tasks/niah.cc").read_text()
        listed = lambda name: re.findall(r'"([^"]+)"', re.search(name + r" = \{(.*?)\};", evaluation, re.S).group(1))
        theirs = {pattern.lower() for pattern in listed("kSentences") + listed("kQuestions")}
        self.assertGreater(len(theirs), 15)
        r, words = random.Random(3), NoHaystack().common_words()
        for _ in range(20_000):
            for ours in needles.pattern(r, words, ["noted", "served"]):
                self.assertNotIn(ours.lower(), theirs)
        self.assertEqual(len(needles.reserved_words()), 24)
        for sentence, questions in needles.frames():
            for slot in ("{a}", "{k}", "{v}"):
                self.assertEqual(sentence.count(slot), 1, sentence)
            for question in questions:
                self.assertEqual([question.count(slot) for slot in ("{a}", "{k}", "{v}")], [1, 1, 0], question)
        self.assertFalse(set(listed("kAttributes")) & set(needles.ATTRIBUTES))


class SourcesTest(unittest.TestCase):
    def test_non_commercial_and_held_out_sources_are_refused(self):
        good = {"name": "x", "licence": "CC BY 4.0", "attribution": "y", "path": "text/a"}
        corpus.checked(good, ["eval/"])
        for change in ({"licence": "CC BY-NC 4.0"}, {"path": "eval/a"}, {"attribution": ""}):
            with self.assertRaises(corpus.RefusedSource):
                corpus.checked(good | change, ["eval/"])


if __name__ == "__main__":
    unittest.main()
