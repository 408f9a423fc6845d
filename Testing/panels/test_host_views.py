"""The host's views: layers, thresholds and legends are drawn, and custom layouts have the views they ask for."""

from __future__ import annotations

import numpy as np
import pytest
import qt
import slicer

SIZE = 200  # pixels; the volumes below fill the middle half of such a view

SIDE_BY_SIDE = """<layout type="horizontal" split="true">{items}</layout>"""
SLICE = """<item><view class="vtkMRMLSliceNode" singletontag="{name}">
<property name="orientation" action="default">Axial</property>
<property name="viewlabel" action="default">{name}</property>
<property name="viewcolor" action="default">#8080FF</property></view></item>"""


@pytest.fixture
def layout_manager(scene, host):
    manager = host.layoutManager()
    yield manager
    manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView)
    for index in range(scene.GetNumberOfNodesByClass("vtkMRMLSliceCompositeNode")):
        composite = scene.GetNthNodeByClass(index, "vtkMRMLSliceCompositeNode")
        composite.SetBackgroundVolumeID(None)
        composite.SetForegroundVolumeID(None)


def _volume(array, name: str, color: str = "Grey", window=(0, 1)):
    node = slicer.util.addVolumeFromArray(np.asarray(array, np.float32), name=name)
    display = node.GetDisplayNode()
    display.SetAndObserveColorNodeID(
        slicer.util.getFirstNodeByClassByName("vtkMRMLColorTableNode", color).GetID()
    )
    display.AutoWindowLevelOff()
    display.SetWindowLevelMinMax(*window)
    display.InterpolateOff()
    return node


def _picture(manager, name: str) -> np.ndarray:
    view = manager.sliceWidget(name)._view
    view.resize(SIZE, SIZE)
    view.fit()
    return view.image().astype(int)


def test_background_is_drawn_where_it_lies(layout_manager):
    array = np.zeros((3, 20, 20))
    array[:, :10] = 1  # low rows: anterior is up in an axial view, so the bright half lies below
    slicer.util.setSliceViewerLayers(background=_volume(array, "half"), fit=True)
    picture = _picture(layout_manager, "Red")
    middle = SIZE // 2
    assert tuple(picture[middle + 40, middle]) == (255, 255, 255)
    assert tuple(picture[middle - 40, middle]) == (0, 0, 0)


def test_overlay_has_its_color_opacity_and_threshold(layout_manager):
    background = _volume(np.full((3, 20, 20), 0.5), "grey")
    ramp = np.zeros((3, 20, 20))
    ramp[:, :, 10:] = 1  # high columns: the left side of an axial view, patient's right on the left
    overlay = _volume(ramp, "overlay", "Red")
    overlay.GetDisplayNode().AutoThresholdOff()
    overlay.GetDisplayNode().SetThreshold(0.5, 2)
    overlay.GetDisplayNode().ApplyThresholdOn()
    slicer.util.setSliceViewerLayers(
        background=background, foreground=overlay, foregroundOpacity=0.6, fit=True
    )
    picture = _picture(layout_manager, "Red")
    middle = SIZE // 2
    colors = [picture[middle, middle - 40], picture[middle, middle + 40]]
    shown, hidden = sorted(colors, key=lambda color: color[1])
    assert np.abs(hidden - 128).max() <= 2, "below the threshold the background shows"
    expected = 0.6 * np.array([255, 0, 0]) + 0.4 * 128
    assert np.abs(shown - expected).max() <= 3


def test_opacity_follows_the_composite_node(layout_manager):
    slicer.util.setSliceViewerLayers(
        background=_volume(np.zeros((3, 9, 9)), "black"),
        foreground=_volume(np.ones((3, 9, 9)), "white"),
        fit=True,
    )
    composite = layout_manager.sliceWidget("Red").mrmlSliceCompositeNode()
    shades = []
    for opacity in (0, 0.5, 1):
        composite.SetForegroundOpacity(opacity)
        shades.append(_picture(layout_manager, "Red")[SIZE // 2, SIZE // 2, 0])
    assert np.abs(np.array(shades) - [0, 128, 255]).max() <= 2


def test_color_legend_is_drawn(layout_manager):
    volume = _volume(np.zeros((3, 20, 20)), "map", "FullRainbow")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    before = _picture(layout_manager, "Red")
    legend = slicer.modules.colors.logic().AddDefaultColorLegendDisplayNode(volume)
    legend.SetTitleText("CW-SSIM")
    legend.SetVisibility(True)
    after = _picture(layout_manager, "Red")
    changed = np.abs(after - before).max(axis=2) > 30
    assert changed.sum() > 200
    assert len(np.unique(after[changed], axis=0)) > 10, "a color bar has many colors"


def test_custom_layout_has_its_views_side_by_side(layout_manager, host):
    names = ("Original", "Styled", "Overlay")
    xml = SIDE_BY_SIDE.format(items="".join(SLICE.format(name=name) for name in names))
    node = layout_manager.layoutLogic().GetLayoutNode()
    node.AddLayoutDescription(601, xml)
    layout_manager.setLayout(601)
    host.processEvents()
    assert layout_manager.layout == 601
    assert set(names) <= set(layout_manager.sliceViewNames())
    shades = (0.2, 0.5, 0.8)
    for name, shade in zip(names, shades, strict=True):
        composite = layout_manager.sliceWidget(name).mrmlSliceCompositeNode()
        composite.SetBackgroundVolumeID(_volume(np.full((3, 9, 9), shade), name).GetID())
    drawn = [_picture(layout_manager, name)[SIZE // 2, SIZE // 2, 0] for name in names]
    assert np.abs(np.array(drawn) - 255 * np.array(shades)).max() <= 2

    window = host._shown_window()
    window.show()
    host.processEvents()
    left = [layout_manager.sliceWidget(name).mapToGlobal(qt.QPoint(0, 0)).x() for name in names]
    assert left == sorted(left) and len(set(left)) == 3
    assert not layout_manager.sliceWidget("Red").visible


def test_linked_views_move_together(layout_manager):
    slicer.util.setSliceViewerLayers(background=_volume(np.zeros((30, 9, 9)), "tall"), fit=True)
    names = ("LinkA", "LinkB")
    xml = SIDE_BY_SIDE.format(items="".join(SLICE.format(name=name) for name in names))
    layout_manager.layoutLogic().GetLayoutNode().AddLayoutDescription(602, xml)
    layout_manager.setLayout(602)
    for name in names:
        layout_manager.sliceWidget(name).mrmlSliceCompositeNode().SetLinkedControl(True)
        layout_manager.sliceWidget(name).mrmlSliceCompositeNode().SetHotLinkedControl(True)
    logic = layout_manager.sliceWidget("LinkA").sliceLogic()
    logic.StartSliceOffsetInteraction()
    logic.SetSliceOffset(12)
    logic.EndSliceOffsetInteraction()
    assert layout_manager.sliceWidget("LinkB").sliceLogic().GetSliceOffset() == pytest.approx(12)


def test_layout_without_a_description_raises(layout_manager):
    with pytest.raises(ValueError, match="777"):
        layout_manager.setLayout(777)


def test_table_and_plot_views_show_their_nodes(layout_manager, scene, host):
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "metrics")
    slicer.util.updateTableFromArray(table, np.array([[0.0, 3.0], [1.0, 5.0]]), ["bin", "count"])
    series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", "before")
    series.SetAndObserveTableNodeID(table.GetID())
    series.SetXColumnName("bin")
    series.SetYColumnName("count")
    series.SetPlotType(slicer.vtkMRMLPlotSeriesNode.PlotTypeScatter)
    series.SetColor(1, 0, 0)
    chart = scene.AddNewNodeByClass("vtkMRMLPlotChartNode")
    chart.AddAndObservePlotSeriesNodeID(series.GetID())
    layout_manager.setLayout(slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpPlotTableView)
    selection = host.applicationLogic().GetSelectionNode()
    selection.SetActiveTableID(table.GetID())
    selection.SetActivePlotChartID(chart.GetID())
    host.applicationLogic().PropagateTableSelection()
    host.applicationLogic().PropagatePlotChartSelection()

    view = layout_manager.tableWidget(0).tableView()
    assert view.mrmlTableNode() is table
    assert view.model().index(1, 1).data() == "5"
    table.SetCellText(1, 1, "7")
    assert view.model().index(1, 1).data() == "7"
    plot = layout_manager.plotWidget(0).plotView()
    plot.resize(300, 200)
    image = plot.grab().toImage()
    red = [
        (x, y)
        for x in range(image.width())
        for y in range(image.height())
        if image.pixelColor(x, y).red() > 200 and image.pixelColor(x, y).blue() < 50
    ]
    assert max(x for x, y in red) - min(x for x, y in red) > 100, "the line runs across the plot"


def test_pictures_are_drawn_only_when_rendering_is_not_paused(layout_manager, host):
    volume = _volume(np.ones((3, 9, 9)), "white")
    slicer.util.setSliceViewerLayers(background=volume, fit=True)
    window = host._shown_window()
    window.show()
    host.processEvents()
    view = layout_manager.sliceWidget("Red").sliceView()
    with slicer.util.RenderBlocker():
        volume.GetDisplayNode().SetWindowLevelMinMax(2, 3)
        host.processEvents()
        assert _center(view) == 255
    host.processEvents()
    assert _center(view) == 0
    with pytest.raises(RuntimeError, match="resumeRender"):
        host.resumeRender()
    host.pauseRender()


def _center(view) -> int:
    image = view.grab().toImage()
    return image.pixelColor(image.width() // 2, image.height() // 2).red()
