"""The error tree: built-in types, pickling, documentation; and the settings table."""

import copy
import pickle

import pytest

from wengert.core.base import errors
from wengert.core.base.settings import SETTINGS, Settings

CLASSES = [getattr(errors, name) for name in errors.__all__]
BUILT_IN = {
    "ShapeError": RuntimeError,
    "DimError": IndexError,
    "DtypeError": RuntimeError,
    "DeviceError": RuntimeError,
    "ArgumentError": TypeError,
    "ValueRangeError": ValueError,
    "IndexRangeError": IndexError,
    "AliasError": RuntimeError,
    "GraphError": RuntimeError,
    "InplaceError": RuntimeError,
    "FreedGraphError": RuntimeError,
    "InferenceError": RuntimeError,
    "GradcheckError": RuntimeError,
    "LinAlgError": RuntimeError,
    "OutOfMemoryError": RuntimeError,
    "MissingError": NotImplementedError,
    "WengertError": Exception,
}


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_class(error):
    assert issubclass(error, errors.WengertError)
    assert issubclass(error, BUILT_IN[error.__name__])
    assert error.__doc__ and error.__name__ in errors.__doc__


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_with_its_notes(error, protocol):
    raised = error("what was given")
    raised.add_note("at line 3")
    for again in (pickle.loads(pickle.dumps(raised, protocol)), copy.copy(raised)):
        assert type(again) is error and again.args == raised.args and again.__notes__ == ["at line 3"]


def test_every_class_is_listed():
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert defined == set(errors.__all__) == set(BUILT_IN)


def test_graph_errors_are_one_family():
    for error in (errors.InplaceError, errors.FreedGraphError, errors.InferenceError):
        assert issubclass(error, errors.GraphError)


def test_settings_defaults_and_environment():
    plain = Settings({})
    assert {row.name: getattr(plain, row.name) for row in SETTINGS} == {row.name: row.default for row in SETTINGS}
    read = Settings({"WENGERT_NATIVE": "0", "WENGERT_THREADS": " 3 ", "WENGERT_ANOMALY": "yes", "WENGERT_CACHE": "/a"})
    assert (read.native, read.threads, read.anomaly, read.cache) == (False, 3, True, "/a")
    assert read.cache_folder() == "/a" and plain.cache_folder().endswith("wengert")


@pytest.mark.parametrize("variable, text", [("WENGERT_NATIVE", "maybe"), ("WENGERT_THREADS", "many")])
def test_settings_refuse_nonsense_in_the_environment(variable, text):
    with pytest.raises(ValueError, match=f"{variable}.*{text}"):
        Settings({variable: text})


def test_settings_assignment_is_checked():
    table = Settings({})
    with pytest.raises(AttributeError, match="no setting 'speed'"):
        table.speed = 1
    with pytest.raises(ValueError, match="threads"):
        table.threads = "two"
    with pytest.raises(ValueError), table.changed(threads=2, native="no"):
        pass
    assert table.threads == 0
    with table.changed(threads=2):
        assert table.threads == 2
    assert table.threads == 0


def test_settings_describe_every_row():
    text = Settings({"WENGERT_THREADS": "3"}).describe()
    for row in SETTINGS:
        assert row.variable in text and row.meaning in text
    assert "threads = 3 (default 0)" in text
