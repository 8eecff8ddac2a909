// Keeps the list up to date and opens mails without loading the page anew. Without
// this script every link and button still works.

const list = () => document.getElementById("list");
const live = document.getElementById("live");

/** Times in the reader's own zone. */
function localTimes(root) {
  const today = new Date().toDateString();
  for (const time of root.querySelectorAll("time")) {
    const at = new Date(time.dateTime);
    const clock = { hour: "2-digit", minute: "2-digit" };
    if ("long" in time.dataset) {
      time.textContent = at.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
    } else if (at.toDateString() === today) {
      time.textContent = at.toLocaleTimeString([], clock);
    } else {
      time.textContent = at.toLocaleDateString([], { day: "numeric", month: "short" });
    }
    time.title = at.toLocaleString();
  }
}

function afterList() {
  localTimes(list());
  const unread = Number(list().dataset.unread);
  const title = document.title.replace(/^\(\d+\) /, "");
  document.title = unread ? `(${unread}) ${title}` : title;
  const button = document.getElementById("delete-all");
  if (button) button.disabled = !list().querySelector(".row");
}

/** Puts the new list in place; rows that stay keep their element, so nothing flickers or jumps. */
function replaceList(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("list");
  if (!fresh) return;
  const known = new Map([...list().querySelectorAll("li[data-id]")].map((li) => [li.dataset.id, li]));
  const first = known.size > 0;
  localTimes(fresh);
  for (const li of fresh.querySelectorAll("li[data-id]")) {
    const old = known.get(li.dataset.id);
    if (old) {
      localTimes(old);
      if (old.isEqualNode(li)) li.replaceWith(old);
    } else if (first) {
      li.classList.add("arrived");
    }
  }
  list().replaceWith(fresh);
  afterList();
  if (!document.querySelector(".mail")) refreshPick(fresh);
}

function refreshPick(fresh) {
  const text = document.querySelector(".pick p");
  if (text) text.textContent = fresh.querySelector(".row") ? "Choose a mail to read it." : "Waiting for the first mail …";
}

const openID = () => (location.pathname.match(/^\/messages\/(\d+)/) || [])[1] || "";

function setLive(ok) {
  live.classList.toggle("lost", !ok);
  live.querySelector(".live-text").textContent = ok ? "live" : "not connected";
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

let watching = new AbortController();

async function watch() {
  for (;;) {
    const turn = (watching = new AbortController());
    const query = new URLSearchParams({ since: list().dataset.version, wait: 25, open: openID() });
    const search = new URLSearchParams(location.search).get("q");
    if (search) query.set("q", search);
    try {
      const answer = await fetch(`/list?${query}`, { signal: turn.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      const html = await answer.text();
      if (turn.signal.aborted) continue;
      setLive(true);
      replaceList(html);
    } catch (error) {
      if (turn.signal.aborted) continue;
      setLive(false);
      await pause(2000);
    }
  }
}

/** Shows another address of this page in place. */
async function show(address, push) {
  const answer = await fetch(address);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const reader = page.getElementById("reader");
  if (!answer.ok || !reader) {
    location.assign(answer.ok ? address : "/");
    return;
  }
  if (push) history.pushState(null, "", address);
  document.title = page.title;
  document.body.className = page.body.className;
  document.getElementById("reader").replaceWith(reader);
  localTimes(reader);
  replaceList(page.getElementById("list").outerHTML);
  watching.abort();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-swap]");
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  show(link.href, true).catch(() => location.assign(link.href));
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

window.addEventListener("popstate", () => show(location.href, false).catch(() => location.reload()));

localTimes(document);
afterList();
watch();
