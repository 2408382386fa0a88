"""How every figure of a report looks, and how it becomes files whose bytes depend on the numbers alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from flowshot.report.language import Words

# Okabe and Ito, "Color Universal Design" (2008): told apart by colour-blind readers, and each has a marker of its own.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKERS = ("o", "s", "^", "D", "v", "P")
DASHES = ("-", "--", ":", "-.")
SETTINGS = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same, with Polish letters
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.3,
    "legend.frameon": False,
    "lines.markersize": 5,
    "lines.linewidth": 1,
    "text.parse_math": False,  # a name with dollars is a name
    "pdf.fonttype": 42,  # TrueType: text in the PDF stays text, and publishers take it
}
RESOLUTION = 150  # dots per inch of the PNG
UNDATED = {"Creator": None, "Producer": None, "CreationDate": None}  # a PDF would name versions and the time


@contextmanager
def drawn_figure(stem: Path, width: float, height: float, words: Words) -> Iterator[Any]:
    """A figure of `width` by `height` inches to draw on; afterwards it lies in `STEM.png` and `STEM.pdf`.

    The numbers of its axes are written as the language does.
    """
    # Imported here because matplotlib takes most of a second, which reading scores should not wait for. Figures are
    # made without pyplot, which would look for a display and keep every figure alive.
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.figure import Figure
    from matplotlib.ticker import ScalarFormatter
    from PIL import Image

    class LocalFormatter(ScalarFormatter):
        def __call__(self, value: float, position: int | None = None) -> str:
            return words.number(super().__call__(value, position))

    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **SETTINGS}):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        for axis in [axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)]:
            if type(axis.get_major_formatter()) is ScalarFormatter:
                axis.set_major_formatter(LocalFormatter(useMathText=False))
        figure.set_dpi(RESOLUTION)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        # A palette, because pictures lie in git and in the page: a third of the size, and no difference to be seen.
        picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(dither=Image.Dither.NONE)
        picture.save(stem.with_suffix(".png"), dpi=(RESOLUTION, RESOLUTION), optimize=True)
        FigureCanvasPdf(figure).print_pdf(str(stem.with_suffix(".pdf")), metadata=UNDATED)
