"""Expressions whose answers Slicer's ctk has given: ctk_answers.txt. They build on each other, in this order."""

# ruff: noqa


def run(probe, qt, ctk):
    s = ctk.ctkSliderWidget()
    got = []
    probe("slider default", lambda: (s.minimum, s.maximum, s.value, s.singleStep, s.decimals))
    s.connect("valueChanged(double)", lambda v: got.append(v))
    s.minimum = -10
    s.maximum = 50
    probe("slider set", lambda: (setattr(s, "value", 12.3456), s.value)[1])
    probe("slider clamp", lambda: (setattr(s, "value", 1000), s.value)[1])
    probe("slider signals", lambda: list(got))
    probe("slider setRange", lambda: (s.setRange(0, 1), s.value, s.minimum, s.maximum)[1:])
    probe("step .001", lambda: (setattr(s, "singleStep", 0.001), s.singleStep)[1])
    probe("decimals", lambda: (setattr(s, "decimals", 3), setattr(s, "value", 0.12345), s.value)[2])
    probe("suffix", lambda: (setattr(s, "suffix", " s"), s.suffix)[1])
    probe("spinBoxVisible", lambda: s.spinBoxVisible)
    probe("slider max<min", lambda: (setattr(s, "maximum", -5), s.minimum, s.maximum, s.value)[1:])
    probe("setValue str", lambda: s.setValue("x"))
    c = ctk.ctkCollapsibleButton()
    lay = qt.QVBoxLayout(c)
    b = qt.QPushButton("x")
    lay.addWidget(b)
    c2 = ctk.ctkCollapsibleButton()
    probe("ctor title", lambda: ctk.ctkCollapsibleButton("title").text)
    probe("collapse default", lambda: c.collapsed)
    probe("collapse checked", lambda: c.checked)
    probe("title ctor", lambda: c2.text)
    sig = []
    c.connect("contentsCollapsed(bool)", lambda v: sig.append(v))
    probe(
        "collapse", lambda: (setattr(c, "collapsed", True), c.collapsed, c.checked, b.visible, list(sig))[1:]
    )
    probe("checked->collapsed", lambda: (setattr(c, "checked", True), c.collapsed)[1])
    probe("click", lambda: (c.click(), c.collapsed)[1])
    probe("collapsedHeight", lambda: type(c.collapsedHeight).__name__)
    probe("layout()", lambda: type(c.layout()).__name__)
    probe("inherits", lambda: c.inherits("QAbstractButton"))
    pl = ctk.ctkPathLineEdit()
    pg = []
    pl.connect("currentPathChanged(QString)", lambda v: pg.append(v))
    probe("path", lambda: (setattr(pl, "currentPath", "/tmp/a.txt"), pl.currentPath, list(pg))[1:])
    probe("filters", lambda: int(pl.filters))
    probe("filters set", lambda: (setattr(pl, "filters", ctk.ctkPathLineEdit.Dirs), int(pl.filters))[1])
    probe("nameFilters", lambda: (setattr(pl, "nameFilters", ["*.nii"]), pl.nameFilters)[1])
    probe("history", lambda: pl.addCurrentPathToHistory())
    probe("settingKey", lambda: pl.settingKey)
    probe("comboBox()", lambda: type(pl.comboBox()).__name__)
    probe("children names", lambda: len(pl.children()))
    r = ctk.ctkRangeWidget()
    probe("range default", lambda: (r.minimum, r.maximum, r.minimumValue, r.maximumValue))
    probe("range setValues", lambda: (r.setValues(10, 20), r.minimumValue, r.maximumValue)[1:])
    probe("range setRange", lambda: (r.setRange(0, 15), r.minimumValue, r.maximumValue)[1:])
    probe("range inverted", lambda: (r.setValues(9, 3), r.minimumValue, r.maximumValue)[1:])
    d = ctk.ctkDirectoryButton()
    probe("dir default", lambda: type(d.directory).__name__)
    probe("dir set", lambda: (setattr(d, "directory", "/tmp"), d.directory)[1])
    k = ctk.ctkComboBox()
    probe("combo", lambda: (k.addItems(["a", "b"]), k.count, k.currentIndex, k.currentText)[1:])
    probe("defaultText", lambda: (setattr(k, "defaultText", "z"), k.defaultText)[1])
    probe("forceDefault", lambda: k.forceDefault(True))
    g = ctk.ctkCollapsibleGroupBox()
    probe("cgb", lambda: (g.collapsed, setattr(g, "collapsed", True), g.collapsed, g.checked)[::2])
