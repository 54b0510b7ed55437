"""The audit: every planted fault is named, every published slip is read for what it is, and nothing is said in vain."""

import numpy as np
import pandas as pd
import pytest
from test_scores import CLASSES, random_table, table

from helpers import audit as door
from helpers.evaluation import checks, findings, foreign, logs, notes, predictions, readings, scores
from helpers.workspace import WorkbookError

TASK = "megc3-loso"
# True class by predicted class (negative, positive, surprise) of STSTNet's log, and what was printed as its UAR
STSTNET = {
    "casme2": ([[83, 5, 0], [12, 19, 1], [2, 0, 23]], ".8686"),
    "smic": ([[54, 10, 6], [17, 30, 4], [14, 1, 28]], ".7013"),
    "samm": ([[82, 7, 3], [11, 13, 2], [5, 2, 8]], ".6810"),
}
HYBRID = [[25, 11, 15, 12], [3, 14, 9, 5], [4, 6, 14, 4], [1, 6, 5, 13]]  # source 003; it printed .367, a mean
EMOTIONS = ["disgust", "happiness", "repression", "surprise"]


def from_counts(counts, classes, dataset, people=8, **given):
    """A table with these confusion counts, its clips dealt out to people in turn."""
    cells = [(true, said) for true in range(len(classes)) for said in range(len(classes))]
    pairs = [classes[i] for i, j in cells for _ in range(counts[i][j])]
    said = [classes[j] for i, j in cells for _ in range(counts[i][j])]
    who = np.arange(len(pairs)) % people
    return table(pairs, said, who.astype(str), classes=classes, dataset=dataset, **given)


def ststnet():
    parts = [from_counts(counts, CLASSES, name, model="ststnet") for name, (counts, _) in STSTNET.items()]
    return pd.concat(parts, ignore_index=True)


def violations(found, **given):
    return [finding for finding in checks.audit(found, **given) if finding.kind == "violation"]


def said(found, kind=None, check=None, **given):
    """All messages of one kind or check, a line each."""
    every = checks.audit(found, **given)
    return "\n".join(map(str, [f for f in every if kind in (None, f.kind) and check in (None, f.check)]))


def told(words, capsys):
    """Exit status of the door and all that it printed."""
    status = door.main([str(word) for word in words])
    spoken = capsys.readouterr()
    assert "Traceback" not in spoken.out + spoken.err
    return status, spoken.out + spoken.err


# --------------------------------------------------------------------------------------------- what cannot be


def test_a_good_table_is_clean_and_says_what_was_checked():
    kinds = [finding.kind for finding in checks.audit(random_table())]
    assert "violation" not in kinds and kinds == sorted(kinds, key=findings.KINDS.index)
    for part in ("no cell is empty", "predict the same samples", "person of 12 is held out in one fold of 12"):
        assert part in said(random_table(), "in order")


SCHEMA = [
    ("columns", lambda t: t.drop(columns="model"), "lack column.* model"),
    ("cells", lambda t: t.assign(subject=t.subject.mask(t.sample_id == t.sample_id[3])), "cells of subject are empty"),
    ("once", lambda t: pd.concat([t, t.iloc[[0]]], ignore_index=True), "predicted twice"),
    ("all samples", lambda t: t.iloc[1:], "majority .seed 0. never predicts a sample"),
    ("probabilities", lambda t: t.assign(p_negative=t.p_negative + 0.2), "240 in all"),
    ("probabilities", lambda t: t.assign(p_negative=t.p_negative.mask(t.index == 7)), "are missing, negative"),
    ("probabilities", lambda t: t.assign(p_negative=t.p_negative - 1, p_positive=t.p_positive + 1), "negative"),
    ("classes", lambda t: t.assign(y_pred=t.y_pred.replace("surprise", "joy")), "no column p_joy"),
    ("one truth", lambda t: t.assign(y_true=t.y_true.mask(t.index == 200, "?")), "several y_true"),
    ("one truth", lambda t: t.assign(subject=t.subject.mask(t.index == 130, "casme2/99")), "several subject"),
]


@pytest.mark.parametrize(
    ("rule", "spoil", "message"), SCHEMA, ids=lambda value: value if isinstance(value, str) else ""
)
def test_what_the_schema_refuses_is_a_violation(rule, spoil, message):
    spoilt = spoil(random_table())
    found = [finding for finding in violations(spoilt) if finding.check == rule]
    assert len(found) == 1 and found[0].remedy
    pd.testing.assert_series_equal(pd.Series(found[0].message).str.contains(message), pd.Series([True]))
    if rule != "cells":
        with pytest.raises(WorkbookError, match=found[0].message.split(" (")[0].replace("(", ".").replace(")", ".")):
            predictions.check(spoilt)


def test_all_faults_are_told_at_once():
    spoilt = random_table()
    for _, spoil, _ in reversed(SCHEMA[2:]):
        spoilt = spoil(spoilt)
    assert {finding.check for finding in violations(spoilt)} >= {rule for rule, _, _ in SCHEMA[2:]}


def test_seeds_that_cover_different_samples_are_told_as_such():
    found = random_table()
    second = found[found.model == "some"].iloc[5:].assign(seed=1)
    assert "some (seed 1) never predicts" in said(pd.concat([found, second]), "violation")
    assert "other seeds of it do" in said(pd.concat([found, second]), "violation")


def test_random_folds_put_people_on_both_sides():
    found = random_table()
    mixed = found.assign(fold=[f"fold{number % 10}" for number in range(len(found))])
    wrong = violations(mixed)
    assert [finding.check for finding in wrong] == ["folds"]
    assert "12 of 12 person(s) are on both sides" in wrong[0].message and "casme2/0" in wrong[0].message


def test_folds_of_several_people_are_in_order_but_not_one_at_a_time():
    found = random_table()
    parts = found.assign(fold=(found.subject > "casme2/5").astype(str))
    assert not violations(parts) and "the task says one at a time" in said(parts, "note", "folds")
    assert "one at a time" not in said(parts.assign(task="megc3-parts"))


def test_leave_one_dataset_out_keeps_datasets_whole():
    found = ststnet().assign(task="megc3-lodo")
    assert not violations(found.assign(fold=found.dataset))
    assert "3 of 3 dataset(s) are on both sides" in said(found, "violation", "folds")


def test_equal_ids_of_two_datasets_are_two_people():
    found = ststnet()
    bare = found.assign(subject=found.subject.str.split("/").str[1])
    bare["fold"] = bare.dataset + bare.subject
    assert not violations(bare) and "8 subject ids occur in several datasets" in said(bare, "note", "people")


def test_a_fixed_split_is_of_unknown_person_independence_until_samples_tell():
    found = random_table().assign(fold="test", task="kaggle8-fixed")
    assert not violations(found) and "person-independence unknown" in said(found, "note", "folds")
    listed = found.drop_duplicates("sample_id")[["sample_id", "dataset", "subject"]].assign(split="test")
    more = listed.iloc[[0]].assign(sample_id="casme2/new", split="train", subject="casme2/new")
    assert not violations(found, listed=pd.concat([listed, more]))
    wrong = violations(found, listed=pd.concat([listed, more.assign(subject=listed.subject.iloc[0])]))
    assert "1 people of the test side are on the training side too" in wrong[0].message


def test_a_list_of_samples_tells_other_people_strangers_and_the_forgotten():
    found = random_table()
    listed = found.drop_duplicates("sample_id")[["sample_id", "dataset", "subject", "y_true"]]
    listed = listed.rename(columns={"y_true": "emotion"}).reset_index(drop=True)
    assert "120 samples and their people" in said(found, "in order", "samples", listed=listed)
    moved = listed.assign(subject=listed.subject.mask(listed.index == 4, "casme2/x"))
    assert "1 samples have another subject" in said(found, "violation", "samples", listed=moved)
    assert "2 samples are not in the list" in said(found, "violation", "samples", listed=listed.iloc[2:])
    one = listed.iloc[[0]].assign(sample_id="casme2/new")
    assert "1 samples of the list are never predicted" in said(found, "violation", listed=pd.concat([listed, one]))
    other = one.assign(emotion="others")
    assert not violations(found, listed=pd.concat([listed, other]))
    assert "no sample of casme2/others is predicted" in said(found, "note", listed=pd.concat([listed, other]))


def test_tables_that_lack_columns_are_audited_as_far_as_they_go():
    found = random_table()
    bare = found[found.model == "some"][["sample_id", "subject", "y_true", "y_pred"]]
    assert {finding.check for finding in violations(bare)} == {"columns", "classes"}
    assert {finding.check for finding in violations(bare, classes=CLASSES)} == {"columns"}
    assert "without folds nobody can see" in said(bare, "note")
    assert [finding.check for finding in checks.audit(bare.drop(columns="subject"))] == ["columns"]
    assert "not one prediction" in said(found.iloc[:0], "violation")


# --------------------------------------------------------------------------------------------- published scores


def of_one(found, text, **given):
    return "\n".join(finding.message for finding in violations(found, published=readings.claims(text), **given))


@pytest.mark.parametrize("name", STSTNET)
def test_ststnets_printed_uar_is_its_macro_precision(name):
    counts, printed = STSTNET[name]
    found = from_counts(counts, CLASSES, name)
    recall = scores.metrics(np.array(counts))["uar"]
    wanted = f"your uar {printed} is the macro precision of these predictions; the recall (UAR) is {recall:.4f}"
    assert of_one(found, f"uar={printed}") == wanted
    assert not of_one(found, f"uar={recall:.4f}")


def test_ststnets_log_is_audited_from_its_file(tmp_path, capsys):
    logs.write(ststnet(), TASK, "ststnet", 0, tmp_path / "log.txt")
    status, text = told([tmp_path / "log.txt", "--published", "uf1=.7353,uar=.7605"], capsys)
    assert status == 1
    assert "your uar .7605 is the macro precision of these predictions; the recall (UAR) is 0.7186" in text
    assert "uf1 .7353 is what the predictions give" in text and "read as negative, positive, surprise" in text
    status, text = told([tmp_path / "log.txt", "--published", "uar=71.86%"], capsys)
    assert status == 0 and "without folds nobody can see" in text and "held out in one fold" not in text
    alone = scores.metrics(np.array(STSTNET["casme2"][0]))["uar"]
    words = [tmp_path / "log.txt", "--published", f"uar={alone:.4f}"]
    assert "is the recall (UAR) on casme2 alone; " in told(words, capsys)[1]


def uneven():
    """Source 003's counts, dealt out to 26 people so that the mean of their UARs is the one it printed."""
    found, rng = from_counts(HYBRID, EMOTIONS, "casme2", task="casme4-loso"), np.random.default_rng(0)
    right = (found.y_true == found.y_pred).to_numpy()
    for _ in range(2000):  # people with many clips get more of what is right, until the means agree
        share = rng.dirichlet(np.full(26, 0.6), 2)
        who = np.where(right, rng.choice(26, len(found), p=share[0]), rng.choice(26, len(found), p=share[1]))
        own = pd.DataFrame({"who": who, "y": found.y_true, "right": right}).groupby(["who", "y"]).right.mean()
        if round(own.groupby(level=0).mean().mean(), 3) == 0.367:
            break
    people = "casme2/" + pd.Series(who).astype(str)
    return found.assign(subject=people, fold=people)


def test_source_003_averaged_over_people_what_others_pool():
    assert of_one(uneven(), "uar=.367").startswith("your uar .367 is the mean over people of the recall (UAR); ")
    assert not of_one(uneven(), "uar=.467,accuracy=.449")
    assert "averaged over people 0.367" in said(uneven(), "note", "pooled or averaged")


def several_seeds():
    found = random_table()
    parts = [random_table(right=share)[lambda t: t.model == "some"] for share in (0.5, 0.9)]
    return pd.concat([found, *(part.assign(seed=n, y_true=found.y_true) for n, part in enumerate(parts, 1))])


def test_every_other_sum_is_known_by_name():
    found = several_seeds()
    some = [part for _, part in found[found.model == "some"].groupby("seed")]
    each = [scores.metrics(scores.confusion(part.y_true, part.y_pred, CLASSES)) for part in some]
    best = max(one["uf1"] for one in each)
    assert f"uf1 {best:.5f} is the UF1 of seed 2 alone, the best of 3" in of_one(found, f"uf1={best:.5f}")
    weighted = np.mean([one["weighted_f1"] for one in each])
    assert "is the weighted F1 of these" in of_one(found, f"macro_f1={weighted:.5f}")
    together = scores.metrics(sum(scores.confusion(part.y_true, part.y_pred, CLASSES) for part in some))["uf1"]
    assert "of all seeds' counts added up" in of_one(found, f"uf1={together:.6f}")
    assert not of_one(found, f"uf1={np.mean([one['uf1'] for one in each]):.6f}")
    assert "none of the other sums that this audit knows" in of_one(found, "uf1=.99999")
    means = np.array([(one["precision"].mean(), one["uar"]) for one in each])
    harmonic = (2 * means.prod(1) / means.sum(1)).mean()
    assert "the F1 of mean precision and mean recall" in of_one(found, f"uf1={harmonic:.6f}")


def test_a_class_that_was_dropped_because_nobody_shows_it_is_named():
    found = random_table()
    wide = found.assign(p_contempt=0.0)
    some = found[found.model == "some"]
    uar = scores.metrics(scores.confusion(some.y_true, some.y_pred, CLASSES))["uar"]
    text = of_one(wide, f"uar={uar:.4f}")
    assert "without the 1 class(es) that no sample has" in text and "undefined" in text
    assert "no sample is of contempt" in said(wide, "note", "absent class")


def test_rounding_is_that_of_the_claims_own_digits():
    (claim,) = readings.claims("uar=71.9%")
    assert claim.value == pytest.approx(0.719) and claim.rounding == pytest.approx(0.0005, rel=1e-4)
    assert readings.claims("WAR = .7, uf1=72.15")[1].rounding == pytest.approx(0.00005, rel=1e-4)


@pytest.mark.parametrize("text", ["uar", "uar=", "uar=nan", "uar=-.2", "uar=720", "uar=1", "auc=.7", "uar=.7,", ""])
def test_what_is_no_claim_is_refused(text):
    with pytest.raises(WorkbookError):
        readings.claims(text)


def test_a_claim_needs_one_task_and_one_model():
    found = random_table()
    two = pd.concat([found, found[found.model == "some"].assign(model="other")])
    with pytest.raises(WorkbookError, match="--model from other, some"):
        of_one(two, "uar=.5")
    assert "your uar .5" in of_one(two, "uar=.5", model="some")
    both = pd.concat([found, found.assign(task="more-loso")])
    with pytest.raises(WorkbookError, match="--task from megc3-loso, more-loso"):
        of_one(both, "uar=.5")
    assert "your uar .5" in of_one(both, "uar=.5", task="more-loso")
    for wrong in ({"task": "none"}, {"model": "none"}):
        with pytest.raises(WorkbookError, match="there is no"):
            of_one(found, "uar=.5", **wrong)


def test_the_audits_scores_are_those_of_the_workbook():
    found, row = several_seeds(), scores.row(scores.score(several_seeds(), notes.RESAMPLES, 0), TASK, "some")
    line = f"UF1 {row.uf1:.3f} of 12 people, 95% interval {row.uf1_lo:.3f} to {row.uf1_hi:.3f}"
    assert line in said(found, check="interval")
    assert not of_one(found, f"uf1={row.uf1:.6f},uar={row.uar:.6f},accuracy={row.accuracy:.6f}")


# --------------------------------------------------------------------------------------------- what to know


def test_notes_are_no_violations():
    found = random_table(people=30)
    alone = found[found.model == "some"].assign(p_negative=0.4, p_positive=0.3, p_surprise=0.3)
    text = said(alone, "note")
    for words in ("there is no majority row: predicting negative always gives", "not the class of the largest"):
        assert words in text
    single = alone.assign(y_true=np.where(alone.subject < "casme2/2", "negative", alone.y_true))
    assert "of 30 folds show a single class" in said(single, "note", "single-class folds")
    assert not violations(single)


def test_a_person_a_picture_is_an_unknown_person():
    found = random_table(n=120, people=10**6)
    assert "most of 120 people have a single sample" in said(found, "note", "people")
    everyone = random_table(people=1)
    assert "all samples are of one person" in said(everyone, "note", "people")
    assert "no interval: of 1 people" in said(everyone, "note", "interval")


def test_scores_that_are_too_good_are_told_by_how_sure_they_are():
    good = random_table(people=40, n=400, right=0.99)
    assert "improbably good: even its interval begins above 0.80" in said(good, "note", "too good")
    assert "the best of 3 models, is a reason to look for leaks, though" in notes.too_good(0.82, 0.7, 0.9, 3)
    assert not said(random_table(right=0.5), check="too good")
    assert notes.too_good(float("nan"), 0.9, 1, 1) == ""


def test_classes_that_single_people_show_do_not_stop_the_audit():
    names = [f"c{number}" for number in range(30)]
    found = table(names, names, [str(number) for number in range(30)], classes=names)
    assert "no interval: of 30 people one alone shows 30 of 30 classes" in said(found, "note", "interval")


# --------------------------------------------------------------------------------------------- files


def written(found, tmp_path, **options):
    found.to_csv(tmp_path / "their.csv", index=False, **options)
    return tmp_path / "their.csv"


def test_the_door_says_violations_first_and_returns_the_status(tmp_path, capsys):
    assert told([written(random_table(), tmp_path)], capsys)[0] == 0
    status, text = told([written(random_table().iloc[3:], tmp_path)], capsys)
    assert status == 1 and text.startswith("violation  megc3-loso: majority (seed 0) never predicts a sample of")
    assert text.splitlines()[-1].startswith("their.csv: 1 violations, ")
    listed = random_table().drop_duplicates("sample_id")[["sample_id", "subject"]].iloc[4:]
    listed.to_csv(tmp_path / "samples.csv", index=False)
    words = [written(random_table(), tmp_path), "--samples", tmp_path / "samples.csv", "--task", TASK]
    assert "4 samples are not in the list" in told(words, capsys)[1]


BROKEN = {
    "nowhere": (None, "cannot be read"),
    "empty": (b"", "is empty"),
    "blank": (b"\n \n", "is empty"),
    "binary": (bytes(range(256)) * 50, "binary file"),
    "noise": (b"task,sample_id\n\xff\xfe\xfa,b\n", "no UTF-8"),
    "workbook": (b"PK\x03\x04 and so on", "save the sheet as CSV"),
    "utf16": ("task,model\na,b\n".encode("utf-16"), "UTF-16"),
    "semicolons": (b"task;sample_id;subject\na;b;c\n", "separated by ';'"),
    "tabs": (b"task\tsample_id\na\tb\n", r"separated by '\t'"),
    "one column": (b"task\na\n", "single column"),
    "no header": (b"megc3-loso,a,b\nmegc3-loso,a,b\n", "no header"),
    "twice": (b"task,Task,model\na,b,c\n", "names task more than once"),
    "ragged": (b"task,model\na,b\na,b,c,d\n", "no table"),
    "quote": (b'task,model\n"a,b\n', "no table"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_table_end_with_a_sentence(tmp_path, capsys, name):
    content, problem = BROKEN[name]
    path = tmp_path / "their.csv"
    if content is not None:
        path.write_bytes(content)
    status, text = told([path], capsys)
    assert status == 2 and problem in text and "What to do" in text and text.count("\n") == 1


def test_a_folder_is_no_table(tmp_path, capsys):
    assert told([tmp_path], capsys)[0] == 2
    assert told([written(random_table(), tmp_path), "--samples", tmp_path], capsys)[0] == 2
    assert told([written(random_table(), tmp_path), "--published", "beauty=1.0"], capsys)[0] == 2


def test_logs_that_are_wrong_are_violations(tmp_path, capsys):
    path = tmp_path / "log.txt"
    for text, problem in [
        ("casme2 sub01\na 1 1\na 1 1\n", "predicted twice"),
        ("casme2 sub01\na 1 1 1\n", "no line of a log (row 2)"),
        ("a 1 1\n", "no line of a log"),
    ]:
        path.write_text(text)
        status, told_text = told([path], capsys)
        assert status == 1 and problem in told_text
    path.write_text("casme2 sub01\na 3 1\n")
    assert told([path], capsys)[0] == 2 and told([path, "--classes", "a,b,c,d"], capsys)[0] == 0


def test_headers_in_capitals_and_a_byte_order_mark_are_read_and_told(tmp_path, capsys):
    found = random_table().rename(columns={"task": "Task", "sample_id": "SAMPLE_ID", "p_negative": "P_negative"})
    status, text = told([written(found, tmp_path, encoding="utf-8-sig")], capsys)
    assert status == 0 and "columns Task, SAMPLE_ID, P_negative are read as if" in text


def test_probabilities_that_are_words_are_violations(tmp_path, capsys):
    found = random_table().astype({"p_negative": object})
    found.loc[3, "p_negative"] = "=1+1"
    status, text = told([written(found, tmp_path)], capsys)
    assert status == 1 and "are missing, negative or do not sum to 1" in text and text.count("violation  ") == 1


def test_cells_are_text_however_long_or_strange(tmp_path, capsys):
    names = {"negative": "=HYPERLINK(1)", "positive": "NA", "surprise": "x" * 300_000}
    found = random_table().rename(columns={f"p_{old}": f"p_{new}" for old, new in names.items()})
    found = found.replace({"y_true": names, "y_pred": names})
    assert told([written(found, tmp_path)], capsys)[0] == 0
    status, text = told([written(found.assign(task="\x1b[31mred\x07" + "y" * 10**6).iloc[1:], tmp_path)], capsys)
    assert status == 1 and "\x1b" not in text and max(map(len, text.splitlines())) < 1000


def test_columns_in_the_wrong_place_are_told():
    found = random_table(n=300)
    with pytest.raises(WorkbookError, match="has 300 tasks"):
        checks.audit(found.assign(task=found.sample_id))
    many = found.drop(columns=[f"p_{name}" for name in CLASSES]).assign(y_true=found.sample_id)
    with pytest.raises(WorkbookError, match="are y_true and y_pred classes"):
        checks.audit(many)


def test_as_many_people_as_rows_and_seeds_of_other_samples_get_no_interval():
    found = random_table(n=20_000)
    assert "too many for an interval" in said(found.assign(subject=found.sample_id, fold=found.sample_id))
    found = random_table()
    assert "do not predict the same" in said(found.assign(seed=found.index == found.index[-1]), "note", "interval")


def test_a_model_that_is_not_there_is_told_whatever_was_published():
    with pytest.raises(WorkbookError, match="no model 'mine'"):
        checks.audit(random_table(), model="mine")


def test_a_file_and_its_table_are_audited_alike(tmp_path):
    found = pd.concat([several_seeds(), random_table(seed=4).assign(task="other-loso")], ignore_index=True)
    table_of, remarks = foreign.predictions(written(found, tmp_path, float_format="%.6g"))
    assert checks.audit(table_of) == checks.audit(found) == checks.of_file(tmp_path / "their.csv") and not remarks
    listed = findings.table(checks.audit(found))
    assert list(listed) == ["kind", "check", "where", "message", "remedy"] and len(listed) > 10
