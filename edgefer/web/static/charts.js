// Small line charts in the SVG that the page brings: a path for the line, one for what is under it.

const WIDTH = 300;
const HEIGHT = 48;

/** Draw values over time; null is a gap. Gives the least and the most, or null of nothing. */
export function chart(svg, values, zero = true) {
  const known = values.filter((value) => Number.isFinite(value));
  const [line, area] = [svg.querySelector(".line"), svg.querySelector(".area")];
  if (known.length < 2) {
    line.removeAttribute("d");
    area.removeAttribute("d");
    return null;
  }
  const most = Math.max(...known);
  const least = Math.min(...known);
  const bottom = zero ? Math.min(0, least) : least - 0.15 * Math.max(most - least, 1);
  const reach = most - bottom || 1;
  const step = WIDTH / (values.length - 1);
  const at = (value) => (HEIGHT - 2 - ((value - bottom) / reach) * (HEIGHT - 4)).toFixed(1);
  let drawn = "";
  let under = "";
  for (const [first, run] of runs(values)) {
    const points = run.map((value, n) => `${((first + n) * step).toFixed(1)} ${at(value)}`);
    drawn += `M${points.join("L")}`;
    const [left, right] = [first * step, (first + run.length - 1) * step];
    under += `M${left.toFixed(1)} ${HEIGHT}L${points.join("L")}L${right.toFixed(1)} ${HEIGHT}Z`;
  }
  line.setAttribute("d", drawn);
  area.setAttribute("d", under);
  return { least, most, now: values.at(-1) };
}

/** Stretches without a gap, each with the place where it begins. */
function runs(values) {
  const found = [];
  let open = null;
  values.forEach((value, n) => {
    if (!Number.isFinite(value)) open = null;
    else if (open) open[1].push(value);
    else found.push((open = [n, [value]]));
  });
  return found;
}
