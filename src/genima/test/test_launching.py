# SPDX-License-Identifier: Apache-2.0
"""What launch files mean. How nodes are kept is in test_launch_supervision.py."""

import os
from pathlib import Path

import pytest

from genima.errors import LaunchError
from genima.launching import evaluate, parse_file
from genima.launching.node_spec import NodeSpec
from genima.launching.parameters import infer_value
from genima.launching.substitution import Scope, parse_template, perform, perform_words


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    """An install prefix with the package `pkg` and its executable `node`."""
    prefix = tmp_path / "prefix"
    marker = prefix / "share/ament_index/resource_index/packages/pkg"
    program = prefix / "lib/pkg/node"
    for file in (marker, program):
        file.parent.mkdir(parents=True)
        file.touch()
    program.chmod(0o755)
    return prefix


class Files:
    """Writes launch files and evaluates them."""

    def __init__(self, folder: Path, prefix: Path) -> None:
        self.folder = folder
        self.environment = {"AMENT_PREFIX_PATH": f"/nowhere{os.pathsep}{prefix}", "USER": "me"}

    def write(self, body: str, name: str = "main.launch.xml") -> Path:
        path = self.folder / name
        path.write_text(f"<launch>\n{body}\n</launch>\n")
        return path

    def nodes(self, body: str, **given: str) -> tuple[NodeSpec, ...]:
        return evaluate(parse_file(self.write(body)), given, self.environment)

    def node(self, body: str, **given: str) -> NodeSpec:
        (node,) = self.nodes(body, **given)
        return node


@pytest.fixture
def files(tmp_path: Path, prefix: Path) -> Files:
    return Files(tmp_path, prefix)


def node(inside: str = "", **attributes: str) -> str:
    """A node tag."""
    written = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<node pkg="pkg" exec="node"{written}>{inside}</node>'


# --- what is refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("<executable/>", r"main.launch.xml:2: unknown tag <executable> in <launch>.*node"),
        ("<group><choice/></group>", r"unknown tag <choice> in <group>; allowed: arg"),
        (node(cwd="/"), r"unknown attribute 'cwd' of <node>; allowed: pkg, exec"),
        ("<node exec='node'/>", "<node> lacks the attribute 'pkg'"),
        (node(output="log"), "output is 'log', allowed: screen, both"),
        (node(on_exit="restart"), "on_exit is 'restart', allowed: shutdown"),
        (node(sigterm_timeout="-1"), "sigterm_timeout is '-1', allowed: seconds"),
        (node(**{"if": "true", "unless": "true"}), "both `if` and `unless`"),
        ("<group scoped='maybe'/>", "scoped is 'maybe'"),
        (node("<param name='a' value='1' from='b'/>"), "`from` beside"),
        (node("<param name='a'/>"), "<param> lacks the attribute 'value'"),
        (node("<remap from='a'/>"), "<remap> lacks the attribute 'to'"),
        ("<let name='a' value='$(eval 1)'/>", r"unknown substitution 'eval'.*\$\(var\)"),
        ("<let name='a' value='$(var)'/>", r"\$\(var\).* has 0 arguments, allowed: 1"),
        ("<let name='a' value='$(env A b c)'/>", "has 3 arguments, allowed: 1 or 2"),
        ("<let name='a' value='$(var b'/>", "in the middle of a substitution"),
        ("stray", "main.launch.xml:2: text outside tags: 'stray'"),
        ("<node", "not well-formed"),
    ],
)
def test_what_is_not_understood_is_named(files: Files, body: str, sentence: str) -> None:
    with pytest.raises(LaunchError, match=sentence):
        parse_file(files.write(body))


def test_error_names_the_line_of_the_tag(files: Files) -> None:
    with pytest.raises(LaunchError, match=r"main.launch.xml:4: unknown tag <nod>"):
        parse_file(files.write("<arg name='a' default=''/>\n\n<nod/>"))


def test_other_xml_is_no_launch_file(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_text("<robot/>")
    with pytest.raises(LaunchError, match="outermost tag is <robot>"):
        parse_file(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LaunchError, match=r"none.launch.xml: No such file"):
        parse_file(tmp_path / "none.launch.xml")


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("<arg name='n' description='How many.'/>", r":2: the argument 'n' \(How many.\) is req"),
        ("<let name='a' value='$(var b)'/>", "launch argument 'b' is not defined"),
        ("<let name='a' value='$(env NO_SUCH)'/>", "environment variable 'NO_SUCH'"),
        (
            "<let name='a' value='$(find-pkg-share no)'/>",
            "package 'no' is not installed.*/nowhere",
        ),
        ("<node pkg='pkg' exec='nod'/>", "no executable 'nod'; it has: node"),
        (node(name="a b"), "'a b' is no node name"),
        (node(namespace="a//b"), "'/a//b' is no namespace"),
        (node(**{"if": "perhaps"}), "if is 'perhaps', allowed: true, false, 1, 0"),
        (node("<param from='/no.yaml'/>"), ":2: the parameter file /no.yaml does not exist"),
        ("<include file='other.launch.py'/>", "only launch files in XML"),
        ("<include file='$(dirname)/main.launch.xml'/>", "includes itself"),
    ],
)
def test_what_cannot_be_evaluated_is_named(files: Files, body: str, sentence: str) -> None:
    with pytest.raises(LaunchError, match=sentence):
        files.nodes(body)


def test_place_is_given_once_for_nested_entities(files: Files) -> None:
    with pytest.raises(LaunchError) as caught:
        files.nodes("<group>\n<group>\n<let name='a' value='$(var b)'/></group></group>")
    assert str(caught.value).count("main.launch.xml") == 1
    assert "main.launch.xml:4:" in str(caught.value)


def test_argument_that_no_file_declares_is_refused(files: Files) -> None:
    with pytest.raises(LaunchError, match="no argument 'tusk'; it has: task"):
        files.nodes("<arg name='task' default=''/>", tusk="a")


# --- arguments and scopes --------------------------------------------------------------------


def test_given_argument_wins_over_the_default(files: Files) -> None:
    body = "<arg name='n' default='a'/>" + node(name="$(var n)")
    assert files.node(body).name == "a"
    assert files.node(body, n="b").name == "b"


def test_default_may_use_earlier_arguments(files: Files) -> None:
    body = "<arg name='a' default='x'/><arg name='b' default='$(var a)y'/>" + node(name="$(var b)")
    assert files.node(body).name == "xy"


def test_argument_declared_under_a_false_condition_may_be_given(files: Files) -> None:
    assert files.nodes("<group if='0'><arg name='n'/></group>", n="1") == ()


def test_conditions_choose(files: Files) -> None:
    body = "<arg name='sim' default='true'/>" + "".join(
        node(name=name, **{kind: "$(var sim)"})
        for name, kind in (("world", "if"), ("driver", "unless"))
    )
    assert files.node(body).name == "world"
    assert files.node(body, sim="False").name == "driver"
    assert files.node(body, sim="0").name == "driver"


def test_let_lasts_until_its_group_ends(files: Files) -> None:
    body = "<let name='n' value='out'/><group{}><let name='n' value='in'/></group>"
    last = node(name="$(var n)")
    assert files.node(body.format("") + last).name == "out"
    assert files.node(body.format(" scoped='false'") + last).name == "in"


@pytest.mark.parametrize("tag", ["push_ros_namespace", "push-ros-namespace"])
def test_namespaces_are_joined(files: Files, tag: str) -> None:
    body = (
        f"<group><{tag} namespace='lab'/><group><{tag} namespace='left'/>"
        f"{node(name='deep', namespace='arm')}{node(name='absolute', namespace='/arm')}</group>"
        f"{node(name='shallow')}</group>{node(name='outside')}"
    )
    namespaces = {spec.name: spec.namespace for spec in files.nodes(body)}
    assert namespaces == {
        "deep": "/lab/left/arm",
        "absolute": "/arm",
        "shallow": "/lab",
        "outside": None,
    }


def test_empty_namespace_is_the_root(files: Files) -> None:
    body = "<push_ros_namespace namespace=''/>"
    assert files.node(body + node()).namespace == "/"
    assert files.node(body + node(namespace="a")).namespace == "/a"


def test_include_hands_over_arguments_and_has_its_own_folder(files: Files) -> None:
    (files.folder / "sub").mkdir()
    files.write(
        "<arg name='n'/>" + node(name="$(var n)", args="$(dirname)"), "sub/part.launch.xml"
    )
    body = "<include file='$(dirname)/sub/part.launch.xml'><arg name='n' value='x'/></include>"
    spec = files.node(body)
    assert (spec.name, spec.args) == ("x", (str(files.folder / "sub"),))


def test_include_shares_the_scope_unless_it_is_in_a_group(files: Files) -> None:
    files.write("<let name='n' value='inner'/>", "part.launch.xml")
    include = "<include file='$(dirname)/part.launch.xml'/>"
    outer = "<let name='n' value='outer'/>"
    assert files.node(outer + include + node(name="$(var n)")).name == "inner"
    assert files.node(f"{outer}<group>{include}</group>{node(name='$(var n)')}").name == "outer"


def test_argument_of_an_included_file_may_be_given(files: Files) -> None:
    files.write("<arg name='n' default='a'/>" + node(name="$(var n)"), "part.launch.xml")
    assert files.node("<include file='$(dirname)/part.launch.xml'/>", n="b").name == "b"


# --- substitutions ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain (text) $5", "plain (text) $5"),
        ("$(var a)-$(var b)", "1-two words"),
        ("$(env HOME)", "/home"),
        ("$(env NONE fallback)", "fallback"),
        ("$(env NONE '')", ""),
        ("$(env NONE 'two words')", "two words"),
        ("$(env NONE $(var b))", "two words"),
        ("$(env NONE x$(var a)y)", "x1y"),
        ("$(var $(env KEY))", "1"),
        (r"\$(var a)", "$(var a)"),
        ("$(dirname)/x", "/files/x"),
        ("", ""),
    ],
)
def test_substitutions(text: str, result: str) -> None:
    scope = Scope({"a": "1", "b": "two words"}, {"HOME": "/home", "KEY": "a"}, Path("/files"))
    assert perform(parse_template(text), scope) == result


def test_command_line_is_split_before_substitution() -> None:
    scope = Scope({"a": "x y"}, {}, Path())
    words = perform_words(parse_template("--one $(var a) 'b c' d$(var a)e$(var a)"), scope)
    assert words == ("--one", "x y", "b c", "dx yex y")


# --- parameters ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("3.0", 3.0),
        ("true", True),
        ("text", "text"),
        ("'3'", "3"),
        ("", ""),
        ("[1, 2]", [1, 2]),
        ("[a, b]", ["a", "b"]),
        ("[]", []),
        ("a: b: c", "a: b: c"),  # not YAML, so it is text
        ("$(var number)", 7),
        ("'$(var number)'", 7),  # quotes are gone when it is read again
        ("$(var word)", "word"),
        ("$(var empty)", ""),
        ("$(var quoted)", "7"),
        ("[1, $(var number)]", [1, 7]),
        ("/a/$(var number)", "/a/7"),
    ],
)
def test_types_are_inferred_as_yaml(text: str, value: object) -> None:
    values = {"number": "7", "word": "word", "empty": "", "quoted": "'7'"}
    inferred = infer_value(text, Scope(values, {}, Path()))
    assert inferred == value
    assert type(inferred) is type(value)


@pytest.mark.parametrize("text", ["null", "{a: 1}", "[1, a]", "[1, 2.5]", "[[1], [2]]"])
def test_values_that_no_parameter_can_have_are_refused(text: str) -> None:
    with pytest.raises(LaunchError, match="allowed: a boolean, a number, a string or a list"):
        infer_value(text, Scope({}, {}, Path()))


def test_parameters_keep_their_order(files: Files, tmp_path: Path) -> None:
    yaml = files.folder / "p.yaml"
    yaml.touch()
    spec = files.node(
        node(
            "<param name='a' value='1'/><param from='$(dirname)/p.yaml'/>"
            "<param name='a' value='2'/>",
            name="n",
            namespace="s",
        )
    )
    assert spec.params == (("a", 1), yaml, ("a", 2))
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = spec.command(scratch)
    given = [Path(command[i + 1]) for i, word in enumerate(command) if word == "--params-file"]
    assert given[1] == yaml
    assert given[0].read_text().split() == ["/s/n:", "ros__parameters:", "a:", "1"]
    assert given[2].read_text().split() == ["/s/n:", "ros__parameters:", "a:", "2"]


def test_command_line_of_a_node(files: Files, prefix: Path, tmp_path: Path) -> None:
    spec = files.node(
        node(
            "<remap from='a' to='b'/>",
            name="n",
            namespace="s",
            args="--flag",
            ros_args="--log-level debug",
        )
    )
    assert spec.command(tmp_path) == [
        str(prefix / "lib/pkg/node"),
        "--flag",
        "--ros-args",
        "--log-level",
        "debug",
        "--ros-args",
        "-r",
        "__node:=n",
        "-r",
        "__ns:=/s",
        "-r",
        "a:=b",
    ]
