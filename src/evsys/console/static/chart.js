/* The chart of a session: power, and the battery where it is told. */
(() => {
  const place = document.getElementById("chart"), points = JSON.parse(place.dataset.points);
  const style = getComputedStyle(document.body), has = (name) => points.some((each) => each[name] !== null);
  const axis = { stroke: style.color, grid: { stroke: "rgba(128,128,128,.2)" }, ticks: { stroke: "rgba(128,128,128,.2)" } };
  const data = [points.map((each) => each.at), points.map((each) => (each.power_w === null ? null : each.power_w / 1000))];
  const series = [{}, { label: place.dataset.power, stroke: "#066fd1", width: 2, fill: "rgba(6,111,209,.12)", spanGaps: true }];
  const axes = [axis, axis];
  if (has("soc_percent")) {
    data.push(points.map((each) => each.soc_percent));
    series.push({ label: place.dataset.soc, stroke: "#2fb344", width: 2, scale: "%", spanGaps: true });
    axes.push({ ...axis, scale: "%", side: 1, grid: { show: false } });
  }
  const size = () => ({ width: place.clientWidth, height: 240 });
  const chart = new uPlot({ ...size(), series, axes, scales: { "%": { range: [0, 100] } } }, data, place);
  addEventListener("resize", () => chart.setSize(size()));
})();
