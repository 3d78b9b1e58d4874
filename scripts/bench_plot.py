# SPDX-License-Identifier: MIT
"""The plots of a benchmark, drawn by gnuplot as SVG."""
import subprocess

COLORS = ("#9aa0a6", "#d62728", "#1f77b4", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf")


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def draw(path, title, settings, plots, blocks):
    """Draws PLOTS, gnuplot clauses over the inline data blocks $d0, $d1, ..."""
    script = [f"set terminal svg size {settings.pop('size', '800,400')} font 'sans,11' background 'white'",
              f"set output {quoted(path)}", f"set title {quoted(title)}", "set key outside right", "set grid ytics",
              *(f"set linetype {number} linecolor rgb {quoted(color)} linewidth 2"
                for number, color in enumerate(COLORS, 1))]
    for number, block in enumerate(blocks):
        script += [f"$d{number} << EOD", *(" ".join(map(str, record)) for record in block), "EOD"]
    script += [f"set {name} {value}" if value else f"set {name}" for name, value in settings.items()]
    script.append("plot " + ", ".join(plots))
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)


def bars(path, title, label, names, rows):
    """A cluster of bars, one per allocator, for each of {row: {allocator: value}}."""
    block = [[f'"{row}"', *(values.get(name, "NaN") for name in names)] for row, values in rows.items()]
    plots = [f"$d0 using {column}:xtic(1) title {quoted(name)} linetype {column - 1}"
             for column, name in enumerate(names, 2)]
    draw(path, title, {"size": f"{max(500, 60 + 75 * len(rows))},400", "style data": "histogram",
                       "style histogram": "cluster gap 1", "style fill": "solid 0.9 noborder",
                       "ylabel": quoted(label), "yrange": "[0:*]", "xtics": "rotate by -35"}, plots, [block])


def curves(path, title, label_x, label_y, series, **settings):
    """A line for each of {allocator: [(x, y), ...]}."""
    plots = [f"$d{number} using 1:2 with {settings.get('style', 'lines')} title {quoted(name)} "
             f"linetype {number + 1}" for number, name in enumerate(series)]
    settings.pop("style", None)
    draw(path, title, {"xlabel": quoted(label_x), "ylabel": quoted(label_y), "yrange": "[0:*]", **settings},
         plots, list(series.values()))
