import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
from small_scenes import person, random_scene, sequence

from vidpose.evaluation.charts import bars, curve
from vidpose.evaluation.posetrack import Evaluation, evaluate
from vidpose.evaluation.report import html

SVG = "{http://www.w3.org/2000/svg}"


def page(evaluation: Evaluation) -> tuple[str, list[ElementTree.Element]]:
    text = html(evaluation)
    return text, [ElementTree.fromstring(each) for each in re.findall("<svg.*?</svg>", text, re.S)]


def test_a_report_of_nothing_found_is_whole() -> None:
    text, charts = page(evaluate([sequence([person()])], [sequence([])]))
    assert text.endswith("</html>\n")
    assert len(charts) == 17


def test_a_report_has_bars_curves_and_sizes_inside_their_pictures() -> None:
    truth, found = random_scene(2)
    evaluation = evaluate([truth], [found], tracking=True, resamples=20)
    text, charts = page(evaluation)
    assert "HOTA" in text and "interval of mAP" in text
    assert sum(len(chart.findall(f"{SVG}polyline")) for chart in charts) == 15
    assert len(charts[0].findall(f"{SVG}rect")) == 15
    for chart in charts:
        width, height = (float(chart.attrib[side]) for side in ("width", "height"))
        for box in chart.findall(f"{SVG}rect"):
            x, y, w, h = (float(box.attrib[name]) for name in ("x", "y", "width", "height"))
            assert min(x, y, w, h) >= 0 and x + w <= width and y + h <= height
        for line in chart.findall(f"{SVG}polyline"):
            points = [[float(n) for n in each.split(",")] for each in line.attrib["points"].split()]
            assert (np.array(points) >= 0).all()
            assert (np.array(points) <= [width, height]).all()


def test_names_of_files_are_escaped_and_nothing_is_loaded() -> None:
    truth, found = random_scene(2)
    evaluation = evaluate([truth], [found])
    named = evaluation.result.model_copy(update={"predictions": "<script>&.json"})
    text = html(replace(evaluation, result=named))
    assert "&lt;script&gt;&amp;.json" in text
    assert "<script" not in text
    assert not re.findall(r'(?:src|href)="', text)


def test_bars_stand_on_the_axis_and_are_as_high_as_their_value() -> None:
    chart = ElementTree.fromstring(bars({"a": 50.0, "b": 100.0, "c": -3.0, "d": float("nan")}))
    tops = [(float(r.attrib["y"]), float(r.attrib["height"])) for r in chart.findall(f"{SVG}rect")]
    assert len(tops) == 3
    assert {round(y + height, 1) for y, height in tops} == {round(sum(tops[0]), 1)}
    assert tops[0][1] * 2 == tops[1][1]
    assert tops[2][1] == 0


def test_a_long_curve_is_thinned_and_keeps_its_ends() -> None:
    recall = np.linspace(0, 1, 5000)
    chart = ElementTree.fromstring(curve(recall, 1 - recall, "t", ""))
    [line] = chart.findall(f"{SVG}polyline")
    points = [each.split(",") for each in line.attrib["points"].split()]
    assert len(points) == 200
    grid = chart.findall(f"{SVG}line")[0].attrib
    assert [float(points[0][0]), float(points[-1][0])] == [float(grid["x1"]), float(grid["x2"])]
