// How far a job is, asked for every second; when it is done the page is read anew. Without this the page has a link that does it.
const bar = document.getElementById("progress");
async function ask() {
  const answer = await fetch(bar.dataset.from, { headers: { Accept: "application/json" } });
  const job = answer.ok ? await answer.json() : { done: bar.max, total: bar.max };
  bar.value = job.done;
  document.getElementById("count").textContent = job.done;
  if (job.done >= job.total) location.reload();
  else setTimeout(ask, 1000);
}
setTimeout(ask, 1000);
