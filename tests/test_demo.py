"""The demo does what it says on bundled data and on users' files, and refuses what it cannot use."""

import dataclasses
import gzip
import re
from html.parser import HTMLParser

import numpy as np
import pytest

for extra in ("rich", "pandas", "lightgbm", "xgboost", "sklearn"):
    pytest.importorskip(extra)
import pandas as pd  # noqa: E402

import perfcore  # noqa: E402
from perfcore import ConfigurationError, demo  # noqa: E402
from perfcore.__main__ import main  # noqa: E402
from perfcore.demo import clock, data, machine, measurement, models, page, race_story, races  # noqa: E402

SMALL = measurement.Effort(trees=6, rows=300, seconds=0.05)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(3)
    n = 400
    table = pd.DataFrame(
        {
            "size": rng.normal(size=n).round(2),
            "count": rng.integers(0, 9, n),
            "town": rng.choice(["Aa", "Bb", "Cç"], n),
            "seen": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 999, n), unit="h"),
            "open": rng.random(n) < 0.5,
            "name": [f"person {i}" for i in range(n)],
        }
    )
    table["price"] = table["size"] * 3 + table["count"] + rng.normal(size=n)
    table["kind"] = np.where(table["price"] > 4, "dear", "cheap")
    table.loc[5:20, "size"] = np.nan
    table.loc[30:50, "town"] = None
    return table


class Links(HTMLParser):
    """Everything that a page would load."""

    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "link", "img", "iframe"):
            self.found.append(tag)
        self.found += [value for name, value in attrs if name in ("src", "href")]


# -- the whole way -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["price", "kind"])
def test_a_users_file_is_learned_compiled_proven_and_timed(frame, target, tmp_path, capsys):
    path, out = tmp_path / "houses.csv", tmp_path / "page.html"
    frame.to_csv(path, index=False)
    assert demo.run(str(path), target, str(out), SMALL)
    printed = capsys.readouterr().out
    text = out.read_text(encoding="utf-8")
    for framework in ("LightGBM", "XGBoost", "scikit-learn"):
        assert framework in text
    assert "name (400 different texts)" in text and "NOT EQUAL" not in text + printed
    assert str(out) in printed.replace("\n", "")


def test_bundled_models_keep_their_bits():
    """Each kind of model that the demo trains, on the bundled set it is shown on, but small."""
    for task in data.bundled_tasks():
        for candidate in models.candidates(task, SMALL.trees):
            measured = measurement.measure(candidate, task, SMALL)
            assert measured.problem is None, measured
            assert measured.many_rows.ratio.low <= measured.many_rows.ratio.median <= measured.many_rows.ratio.high


def test_unequal_answers_fail_the_demo_and_are_shown(frame, tmp_path, monkeypatch, capsys):
    path, out = tmp_path / "houses.csv", tmp_path / "page.html"
    frame.to_csv(path, index=False)

    def part(*_):
        raise perfcore.MismatchError("row 3: <parted>")

    monkeypatch.setattr(measurement, "verify", part)
    assert not demo.run(str(path), "kind", str(out), SMALL)
    assert "NOT EQUAL" in capsys.readouterr().out
    assert "row 3: &lt;parted&gt;" in out.read_text(encoding="utf-8")


def test_the_page_loads_nothing_and_keeps_foreign_text_as_text(frame, tmp_path):
    nasty = '<script>alert("x")</script>'
    path = tmp_path / "houses.parquet"
    frame.rename(columns={"name": nasty}).to_parquet(path)
    out = tmp_path / "page.html"
    assert demo.run(str(path), "kind", str(out), SMALL)
    links = Links()
    links.feed(out.read_text(encoding="utf-8"))
    assert links.found == []
    assert machine.processor() in out.read_text(encoding="utf-8")


def test_any_header_and_an_empty_column_are_measured(frame, tmp_path, capsys):
    odd = {"size": 'we,ird "size"', "count": "count <5]", "town": "the town", "open": "the_town", "seen": "Unnamed: 0"}
    path, out = tmp_path / "houses.csv", tmp_path / "page.html"
    frame.rename(columns=odd).assign(nothing=np.nan).to_csv(path, index=False)
    assert demo.run(str(path), "kind", str(out), SMALL)
    printed = " ".join(capsys.readouterr().out.split())
    assert "columns left out, for they are empty: nothing" in printed
    assert "'count <5]' is 'count _5_'" in printed and printed.count("equal ") == 4


def test_what_will_happen_is_said_first_and_each_model_on_a_line(frame, tmp_path, capfd):
    path = tmp_path / "houses.csv"
    frame.to_csv(path, index=False)
    demo.run(str(path), "kind", str(tmp_path / "page.html"), SMALL)
    printed, progress = capfd.readouterr()
    assert re.match(r"4 models are trained on houses\.csv, .* a minute or two .*\n", printed)
    assert [line.split()[0] for line in progress.splitlines() if ", houses.csv" in line] == ["1/4", "2/4", "3/4", "4/4"]


def test_a_model_that_cannot_be_trained_is_shown_and_the_others_measured(frame, tmp_path, monkeypatch, capsys):
    path, out = tmp_path / "houses.csv", tmp_path / "page.html"
    frame.to_csv(path, index=False)
    train = models.Candidate.train

    def fail_once(candidate, rows):
        if candidate.framework == "XGBoost":
            raise RuntimeError("no <bins>\nand more")
        return train(candidate, rows)

    monkeypatch.setattr(models.Candidate, "train", fail_once)
    assert not demo.run(str(path), "kind", str(out), SMALL)
    printed, text = capsys.readouterr().out, out.read_text(encoding="utf-8")
    assert "not trained" in printed and "NOT EQUAL" not in printed + text and printed.count("equal ") == 3
    assert "RuntimeError: no &lt;bins&gt;</td>" in text and "3 of 3" in text


def test_one_row_timed_as_a_table_is_said(frame, tmp_path, monkeypatch, capsys):
    path, out = tmp_path / "houses.csv", tmp_path / "page.html"
    frame.to_csv(path, index=False)

    def refuse(self, row):
        raise perfcore.InputError("no such <name>")

    monkeypatch.setattr(perfcore.Predictor, "predict_one", refuse)
    assert demo.run(str(path), "price", str(out), SMALL)
    note = "one row is predict of a table of one row, for predict_one says: no such"
    assert note in " ".join(capsys.readouterr().out.split())
    assert f"{note} &lt;name&gt;" in out.read_text(encoding="utf-8")


# -- a user's file ---------------------------------------------------------------------------------------------


def test_names_that_a_framework_refuses_are_replaced_and_stay_apart():
    names = ["a_b", "a b", "a:b", "a_b_2", "", "[", "a\nb", "c d", "größe"]
    allowed = data._allowed_names(names)
    assert [names[i] == allowed[i] for i in range(9)] == [True, False, False, True, False, False, False, True, True]
    assert len({name.replace(" ", "_") for name in allowed}) == 9
    assert not any(set(name) & set('",:[]{}<\n') for name in allowed) and all(allowed)


def test_columns_become_what_the_frameworks_take(frame, tmp_path):
    csv, parquet = tmp_path / "houses.csv.gz", tmp_path / "houses.parquet"
    with gzip.open(csv, "wt", encoding="utf-8") as file:
        frame.to_csv(file, index=False, sep=";")
    frame.to_parquet(parquet)
    kinds = {"size": "float64", "count": "float64", "town": "category", "open": "float64", "price": "float64"}
    for path, seen in ((csv, {}), (parquet, {"seen": "float64"})):  # text of 300 different times is no category
        task = data.file_task(str(path), "kind")
        assert {name: str(column.dtype) for name, column in task.table.items()} == kinds | seen
        assert task.is_classification and task.has_missing
        assert task.table["size"].isna().sum() == 16 and task.table["town"].isna().sum() == 21
        assert np.isnan(task.numbers).sum() == 37


@pytest.mark.parametrize(
    ("values", "is_classification"),
    [
        (np.arange(200) % 3, True),
        (np.arange(200) % 3 + 0.0, True),
        (np.arange(200) % 2 == 0, True),
        (np.where(np.arange(200) % 2, "a", "b"), True),
        (np.arange(200), False),
        (np.arange(200) % 3 + 0.5, False),
    ],
)
def test_the_task_is_guessed_from_the_target(values, is_classification, tmp_path):
    path = tmp_path / "t.parquet"
    pd.DataFrame({"x": np.arange(200.0), "y": values}).to_parquet(path)
    assert data.file_task(str(path), "y").is_classification is is_classification


def test_rows_without_target_and_rare_classes_are_left_out_and_named(tmp_path):
    path = tmp_path / "t.csv"
    y = ["a"] * 60 + ["b"] * 60 + [None] * 7 + ["once"]
    pd.DataFrame({"x": np.arange(128.0), "y": y}).to_csv(path, index=False)
    task = data.file_task(str(path), "y")
    assert len(task.target) == 120 and set(task.target) == {"a", "b"}
    assert "7 rows without y left out" in task.notes
    assert any("once" in note for note in task.notes)
    train, test = task.rows
    assert set(task.target[test]) == {"a", "b"} and not set(train) & set(test)


def test_what_cannot_be_used_is_refused_with_the_reason(frame, tmp_path):
    path = tmp_path / "houses.csv"
    frame.assign(same=1, word="same", text=frame["name"]).to_csv(path, index=False)
    few, odd, empty = tmp_path / "few.csv", tmp_path / "table.xlsx", tmp_path / "empty.csv"
    frame.head(20).to_csv(few, index=False)
    odd.write_bytes(b"x")
    empty.write_bytes(b"")
    for file, target, reason in [
        (tmp_path / "none.csv", "kind", "no file"),
        (path, "prize", "no column 'prize'; its columns are size, count, town"),
        (path, "same", "same is 1 in every row"),
        (path, "word", "word is 'same' in every row"),
        (path, "text", "400 different texts; at most 50 classes"),
        (few, "price", "at least 50 rows .* got 20"),
        (odd, "kind", r"allowed are \.csv"),
        (empty, "kind", "cannot be read"),
    ]:
        with pytest.raises(ConfigurationError, match=reason):
            data.file_task(str(file), target)


# -- the command line --------------------------------------------------------------------------------------------


def test_without_a_command_help_is_printed(capsys):
    assert main([]) == 0
    assert "demo" in capsys.readouterr().out


def test_mistakes_on_the_command_line_are_one_line_on_stderr(capsys, tmp_path):
    for arguments in (
        ["demo", "--data", "x.csv"],
        ["demo", "--data", str(tmp_path / "none.csv"), "--target", "y"],
        ["demo", "--out", str(tmp_path / "none" / "page.html")],
        ["inspect", str(tmp_path / "none.pcore")],
    ):
        assert main(arguments) == 2
        assert re.fullmatch("error: .*\n", capsys.readouterr().err)


def test_a_missing_extra_is_named(monkeypatch, capsys):
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda name: None if name == "rich" else True)
    assert main(["demo"]) == 2
    printed = capsys.readouterr().err
    assert "pip install 'perfcore[demo]'" in printed and "pip install '.[demo]' (or make demo)" in printed


def test_inspect_prints_what_a_file_becomes(tmp_path, capsys):
    import lightgbm

    X = np.random.default_rng(0).normal(size=(100, 3))
    booster = lightgbm.train({"verbose": -1}, lightgbm.Dataset(X, X[:, 0]), num_boost_round=3)
    booster.save_model(tmp_path / "model.txt")
    perfcore.compile(booster).save(tmp_path / "model.pcore")
    for name in ("model.txt", "model.pcore"):
        assert main(["inspect", str(tmp_path / name)]) == 0
        assert "3 with" in capsys.readouterr().out


# -- measuring ----------------------------------------------------------------------------------------------------


def test_calls_take_turns_beginning_in_turn():
    called = []
    calls = {"a": lambda: called.append("a"), "b": lambda: called.append("b")}
    taken = clock.interleaved(calls, rounds=(3, 3), seconds=0)
    assert "".join(called) == "ab" + "abbaab"
    assert {name: len(each) for name, each in taken.items()} == {"a": 3, "b": 3}


def test_a_ratio_is_taken_round_by_round():
    slow, fast = np.array([8.0, 20.0, 60.0, 60.0, 10.0]), np.array([1.0, 2.0, 5.0, 4.0, 5.0])
    assert clock.Ratio.of(slow, fast) == (10.0, 8.0, 12.0)


def test_a_refused_model_is_no_failure():
    refused = measurement.Measurement("LightGBM", "m", "t", problem="not exactly", refused=True)
    report = demo.Report(machine.describe(), [refused], [], 1)
    assert report.passed and "not exactly" in page.render(report)
    wrong = dataclasses.replace(refused, refused=False)
    assert not demo.Report(machine.describe(), [wrong], [], 1).passed


# -- boat races ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Races as they lie in a folder of real ones."""
    import pyarrow.parquet

    folder = tmp_path_factory.mktemp("races")
    pyarrow.parquet.write_table(races.make(600, 60, seed=2), folder / races.FILE)
    return folder


@pytest.fixture(scope="module")
def story(folder):
    return race_story.tell(str(folder), trees=2)


def test_a_day_of_races_is_streamed_with_the_bits_of_the_batch(story):
    assert story.same_features and story.same_predictions and story.problem is None
    assert (story.n_rows, story.n_features, story.n_races) == (3_600, 30, 12)
    assert 0 <= story.favourites <= 1 and story.a_race > 0


def test_real_races_are_told_alone(folder, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert demo.run(None, None, str(out), SMALL, races=str(folder))
    told = " ".join(capsys.readouterr().out.split())
    assert "600 races, from" in told and "the same bits as all at once" in told and not out.exists()
    assert main(["demo", "--races", str(tmp_path)]) == 2 and main(["demo", "--races", ".", "--data", "x"]) == 2


def test_a_stream_that_differs_fails_the_demo_and_is_shown(story):
    story = dataclasses.replace(story, same_predictions=False)
    report = demo.Report(machine.describe(), [], [], 1, story)
    assert not report.passed
    assert "NOT EQUAL: predictions of the stream are not those of the batch" in page.render(report)
