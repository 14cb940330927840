/**
 * The log page: find events, page through them both ways, follow one task or agent through its story, export. The
 * address is the whole state of the page, so every view can be shared; paging is by cursor, so it stays where it is
 * while the log grows.
 */
import { ago, ask, byId, count, exactly, h, isError, kindOf, root, session, setText, signIn, span, timeOf } from './common.js';

const PAGE = 100;
const FIELDS = ['type', 'source', 'task_id', 'agent_id'];
const LAST = { '15m': 15, '1h': 60, '24h': 1_440, '7d': 10_080 }; // minutes
const CLEAR = ['Clear the filters', () => (location.href = 'events')];
const CURSOR = /^[\w-]+:\d+$/;

let events = /** @type {any[]} */ ([]); // as shown
let older = ''; // the cursor that the next page begins at
let known = /** @type {string[]} */ ([]); // the types of the last hour
let reading = new AbortController(); // ends what belongs to the view before

const form = /** @type {HTMLFormElement} */ (byId('form'));
const params = () => new URLSearchParams(location.search);
const dayOf = (event) => new Date(event.timestamp).toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

// --------------------------------------------------------------------------------------------------- the address

/** Whether this is one task's or one agent's story, and whose. */
function story(query = params()) {
  const [task, agent] = [query.getAll('task_id'), query.getAll('agent_id')];
  if (query.has('q') || query.has('type') || query.has('source') || task.length + agent.length !== 1) return null;
  return task.length ? { of: 'Task', id: task[0] } : { of: 'Agent', id: agent[0] };
}

const forward = (query = params()) => (query.get('order') ?? (story(query)?.of === 'Task' ? 'asc' : 'desc')) === 'asc';

/** What the API is asked for this address. */
function request(query) {
  const wanted = new URLSearchParams([['limit', String(PAGE)], ['order', forward(query) ? 'asc' : 'desc']]);
  for (const name of [...FIELDS, 'q', 'since', 'until', 'before']) for (const value of query.getAll(name)) wanted.append(name, value);
  const minutes = LAST[query.get('last')];
  if (minutes) wanted.set('since', new Date(Date.now() - minutes * 60_000).toISOString());
  if (forward(query) && !wanted.has('since')) wanted.set('since', 'earliest');
  if (query.has('after')) { // a page that begins at a cursor, towards newer events
    wanted.set('since', query.get('after'));
    wanted.set('order', 'asc');
  }
  return wanted;
}

function go(change, { replace = false } = {}) {
  const query = params();
  for (const name of ['before', 'after', 'event']) query.delete(name);
  for (const [name, value] of Object.entries(change)) {
    query.delete(name);
    for (const one of [value].flat()) if (one) query.append(name, one);
  }
  const address = `${location.pathname}${query.size ? `?${query}` : ''}`;
  history[replace ? 'replaceState' : 'pushState'](null, '', address);
  show();
}

const local = (time) => {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? '' : new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
};

function fillForm() {
  const query = params();
  for (const name of FIELDS) form.elements[name].value = query.getAll(name).join(', ');
  form.elements.q.value = query.get('q') ?? '';
  const ranged = query.has('since') || query.has('until');
  form.elements.last.value = ranged ? 'custom' : query.get('last') ?? '';
  for (const name of ['since', 'until']) {
    const value = query.get(name) ?? '';
    form.elements[name].value = CURSOR.test(value) ? '' : local(value);
  }
  byId('range').hidden = !ranged;
  const set = [...FIELDS, 'q', 'last', 'since', 'until'].filter((name) => query.has(name)).length;
  setText(byId('filters-word'), set ? String(set) : '');
  byId('clear').hidden = !set;
}

function applyForm() {
  const change = Object.fromEntries(FIELDS.map((name) => [name, form.elements[name].value.split(',').map((value) => value.trim()).filter(Boolean)]));
  const last = form.elements.last.value;
  const query = params();
  for (const name of ['since', 'until']) {
    const { value } = form.elements[name];
    const old = query.get(name) ?? '';
    change[name] = last !== 'custom' ? '' : value ? new Date(value).toISOString() : CURSOR.test(old) ? old : '';
  }
  go({ ...change, q: form.elements.q.value.trim(), last: last === 'custom' ? '' : last });
}

// -------------------------------------------------------------------------------------------------------- a view

async function show() {
  reading.abort();
  reading = new AbortController();
  const { signal } = reading;
  const query = params();
  fillForm();
  showKinds(known);
  const rows = byId('rows');
  rows.classList.add('waiting');
  byId('fresh').hidden = true;
  const one = await showOne(query, signal);
  if (signal.aborted) return;
  try {
    const wanted = request(query);
    if (one && !query.has('before')) wanted.set('until', one.cursor);
    const page = await ask('api/events', wanted, { signal });
    const turned = query.has('after') && !forward(query);
    events = turned ? page.events.reverse() : page.events;
    // A page that has met the newest event is the first one.
    if (turned && !page.more) return go({}, { replace: true });
    older = turned ? events.at(-1)?.cursor : page.cursor;
    showRows(page);
    byId('older').disabled = turned ? false : !page.more;
    byId('newer').disabled = forward(query) ? !query.has('after') : !(query.has('before') || turned);
    setText(byId('newer'), forward(query) ? '← First' : '← Newer');
    setText(byId('older'), forward(query) ? 'Newer →' : 'Older →');
    byId('newest').hidden = forward(query) || byId('newer').disabled;
    byId('pager').hidden = byId('older').disabled && byId('newer').disabled;
    if (!forward(query) && byId('newer').disabled && !query.has('until') && !one) watch(query, events[0]?.cursor ?? page.head, signal);
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 401) return signIn('Your session is over.').then(show);
    events = [];
    rows.replaceChildren();
    byId('pager').hidden = true;
    byId('export').disabled = true;
    // What is not valid now is not valid the next time.
    const way = error.status === 422 ? CLEAR : ['Try again', show];
    message('The events could not be read', error.status ? error.message : 'The server is not reached.', ...way);
  } finally {
    if (!signal.aborted) rows.classList.remove('waiting');
  }
}

function message(title, detail, action, run) {
  byId('message').hidden = false;
  byId('message').replaceChildren(h('b', {}, title), h('span', {}, detail), action ? h('button', { class: 'secondary', type: 'button', onclick: run }, action) : '');
}

function showRows(page) {
  const query = params();
  const tale = story(query);
  byId('rows').className = `log-rows${tale ? ' story' : ''}`;
  let day = '';
  let before = null;
  byId('rows').replaceChildren(...events.flatMap((event) => {
    const its = dayOf(event);
    const head = its === day ? [] : [h('li', { class: 'day' }, its)];
    day = its;
    const pause = tale && before ? Math.abs(new Date(event.timestamp) - new Date(before.timestamp)) : 0;
    before = event;
    return [...head, row(event, pause)];
  }));
  const filtered = [...query.keys()].some((name) => !['order', 'before', 'after', 'event'].includes(name));
  if (events.length) byId('message').hidden = true;
  else if (filtered) message('No event matches', 'Nothing that is kept fits these filters.', ...CLEAR);
  else message('Nothing has happened yet', 'Events show here once a program logs one.', '');
  showHead(tale, page);
}

function showHead(tale, page) {
  const named = tale && tale.id.toLowerCase().startsWith(tale.of.toLowerCase());
  const title = tale ? (named ? tale.id : `${tale.of} ${tale.id}`) : params().has('event') ? 'One event, and what came before' : 'All events';
  setText(byId('title'), title);
  document.title = `${title} · Activity`;
  byId('order').hidden = !tale;
  setText(byId('order'), forward() ? 'Newest first' : 'From the beginning');
  byId('export').disabled = !events.length;
  if (!events.length) return setText(byId('subtitle'), '\u00a0');
  const times = events.map((event) => new Date(event.timestamp).getTime());
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const shown = `${count(events.length)} event${events.length === 1 ? '' : 's'} shown`;
  const skipped = page.skipped ? ' · older ones are no longer kept' : '';
  if (!tale) return setText(byId('subtitle'), `${shown} · ${last - first < 1_000 ? '' : `${timeOf(first)} – `}${timeOf(last)}${skipped}`);
  const others = new Set(events.map((event) => (tale.of === 'Task' ? event.agent_id : event.task_id)).filter(Boolean));
  const failed = events.filter((event) => isError(event.event_type)).length;
  const words = [shown, `over ${span(last - first)}`, others.size && `${count(others.size)} ${tale.of === 'Task' ? 'agent' : 'task'}${others.size === 1 ? '' : 's'}`, failed && `${count(failed)} failed`];
  setText(byId('subtitle'), words.filter(Boolean).join(' · ') + skipped);
}

function row(event, pause) {
  const kind = isError(event.event_type) ? 'error' : kindOf(event.event_type);
  const filter = (name, value) => (value ? h('a', { href: `?${new URLSearchParams({ [name]: value })}`, title: `${name.replace('_id', '')}: ${value}`, dir: 'auto', onclick: follow }, value) : h('span'));
  const line = h('button', { class: 'log-line', type: 'button', 'aria-expanded': 'false', onclick: () => toggle(item, event) },
    h('time', { datetime: event.timestamp, title: `${exactly(event.timestamp)} (${ago(event.timestamp)})` }, timeOf(event.timestamp)),
    h('span', { class: 'icon', 'aria-hidden': 'true' }, event.display.icon),
    h('span', { class: 'text', dir: 'auto' }, event.display.text));
  const item = h('li', { class: `log-row${kind === 'error' ? ' failed' : ''}` }, pause >= 1_000 ? h('p', { class: 'pause' }, `${span(pause)} later`) : '',
    h('div', { class: 'log-cells' }, line, h('span', { class: 'links' }, filter('type', event.event_type), filter('source', event.source), filter('task_id', event.task_id), filter('agent_id', event.agent_id))));
  item.style.setProperty('--kind', `var(--af-${kind}, var(--af-system))`);
  return item;
}

function toggle(item, event) {
  const open = item.classList.toggle('open');
  item.querySelector('.log-line').focus();
  item.querySelector('.log-line').setAttribute('aria-expanded', String(open));
  if (open) item.append(customElements.get('activity-feed').detailsOf(event, root));
  else item.querySelector('.details').remove();
}

/** A link within the page: no reload. */
function follow(click) {
  if (click.metaKey || click.ctrlKey || click.shiftKey) return;
  click.preventDefault();
  history.pushState(null, '', click.currentTarget.getAttribute('href'));
  scrollTo(0, 0);
  show();
}

/** Show the event that a link leads to, above those that came before it. */
async function showOne(query, signal) {
  const id = query.get('event');
  if (!id) return byId('one').replaceChildren();
  try {
    const event = await ask(`api/events/${encodeURIComponent(id)}`, {}, { signal });
    byId('one').replaceChildren(h('article', { class: 'card one' },
      h('h2', {}, h('span', { 'aria-hidden': 'true' }, event.display.icon), h('span', { dir: 'auto' }, event.display.text)),
      customElements.get('activity-feed').detailsOf(event, root)));
    return event;
  } catch (error) {
    if (!signal.aborted) byId('one').replaceChildren(h('p', { class: 'card one' }, error.status === 404 ? 'This event is not kept any more, or is not for you to see.' : error.message));
  }
}

/** Say when there is something newer than the first page. */
async function watch(query, cursor, signal) {
  let fresh = 0;
  while (!signal.aborted) {
    const wanted = request(query);
    for (const [name, value] of Object.entries({ since: cursor, order: 'asc', wait: '25', limit: '200' })) wanted.set(name, value);
    try {
      const page = await ask('api/events', wanted, { signal });
      cursor = page.cursor;
      fresh += page.events.length;
      if (page.events.length) {
        byId('fresh').hidden = false;
        setText(byId('fresh'), `${count(fresh)}${page.more ? '+' : ''} new event${fresh === 1 ? '' : 's'}`);
      }
    } catch {
      await new Promise((done) => setTimeout(done, 5_000));
    }
    await new Promise((done) => setTimeout(done, 1_000)); // a busy log is not asked without end
    if (document.hidden) await new Promise((done) => document.addEventListener('visibilitychange', done, { once: true }));
  }
}

/** The kinds as links that keep the other filters. */
function showKinds(types) {
  const chosen = params().getAll('type').join();
  const link = (name, type) => {
    const query = params();
    for (const old of ['type', 'before', 'after', 'event']) query.delete(old);
    if (type) query.set('type', type);
    return h('a', { href: `?${query}`, 'aria-current': chosen === type && 'true', onclick: follow }, name);
  };
  const kinds = [...new Set(types.map(kindOf))].sort();
  byId('kinds').replaceChildren(link('All kinds', ''), ...kinds.map((kind) => {
    const element = link(kind, `${kind}.*`);
    element.style.setProperty('--kind', `var(--af-${kind}, var(--af-system))`);
    return element;
  }));
}

async function showSummary() {
  const summary = await ask('api/events/summary', { minutes: 60 }).catch(() => null);
  if (!summary) return;
  const types = Object.entries(summary.by_type).sort((a, b) => b[1] - a[1]);
  known = types.map(([type]) => type).slice(0, 200);
  showKinds(known);
  setText(byId('by-type-title'), `Last hour · ${count(summary.total)}`);
  byId('by-type').replaceChildren(...types.slice(0, 14).map(([type, n]) => {
    const bar = h('i');
    bar.style.width = `${(n / types[0][1]) * 100}%`;
    const item = h('li', {}, h('a', { href: `?${new URLSearchParams({ type })}`, onclick: follow }, h('span', { class: 'clamp' }, type), h('b', {}, count(n)), h('span', { class: 'meter' }, bar)));
    item.style.setProperty('--kind', `var(--af-${isError(type) ? 'error' : kindOf(type)}, var(--af-system))`);
    return item;
  }));
  const prefixes = new Set(types.map(([type]) => type).filter((type) => type.includes('.')).map((type) => `${kindOf(type)}.*`));
  byId('types').replaceChildren(...[...prefixes, ...types.map(([type]) => type)].map((value) => h('option', { value })));
}

// --------------------------------------------------------------------------------------------------------- start

function download() {
  const lines = events.map((event) => `${JSON.stringify(event)}\n`);
  const url = URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' }));
  h('a', { href: url, download: `events-${new Date().toISOString().replace(/[:.]/g, '-')}.ndjson` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

form.addEventListener('submit', (event) => (event.preventDefault(), applyForm()));
form.elements.last.addEventListener('change', () => {
  byId('range').hidden = form.elements.last.value !== 'custom';
  if (form.elements.last.value !== 'custom') applyForm();
});
byId('clear').addEventListener('click', () => go({ ...Object.fromEntries([...FIELDS, 'q', 'last', 'since', 'until', 'order'].map((name) => [name, ''])) }));
byId('older').addEventListener('click', () => (go(forward() ? { after: older } : { before: older }), scrollTo(0, 0)));
byId('newer').addEventListener('click', () => (go(forward() ? {} : { after: events[0]?.cursor }), scrollTo(0, 0)));
byId('newest').addEventListener('click', () => (go({}), scrollTo(0, 0)));
byId('fresh').addEventListener('click', () => (go({}, { replace: true }), scrollTo(0, 0)));
byId('order').addEventListener('click', () => go({ order: forward() ? 'desc' : 'asc' }));
byId('export').addEventListener('click', download);
byId('copy').addEventListener('click', async ({ currentTarget }) => {
  await navigator.clipboard.writeText(location.href).catch(() => prompt('The link:', location.href));
  setText(currentTarget, 'Copied');
  setTimeout(() => setText(currentTarget, 'Copy link'), 1_500);
});
byId('rows').addEventListener('keydown', (event) => {
  if (event.key === 'Escape') event.target.closest('.open')?.querySelector('.log-line').click();
  const lines = [...byId('rows').querySelectorAll('.log-line')];
  const to = lines.indexOf(event.target) + ({ ArrowDown: 1, ArrowUp: -1 }[event.key] ?? NaN);
  if (lines[to] && event.target.matches('.log-line')) (event.preventDefault(), lines[to].focus());
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.matches('input, select')) return;
  event.preventDefault();
  byId('filters').open = true;
  form.elements.q.focus();
});
addEventListener('popstate', show);
// A page in the browser's cache keeps no request open: six of them are all that a browser makes to one server.
addEventListener('pagehide', () => reading.abort());
addEventListener('pageshow', ({ persisted }) => persisted && show());
const wide = matchMedia('(min-width: 821px)');
const unfold = () => {
  byId('filters').open = wide.matches;
  byId('filters').classList.add('ready');
};
wide.addEventListener('change', unfold);
unfold();

await session();
await customElements.whenDefined('activity-feed');
show();
showSummary();
setInterval(() => !document.hidden && showSummary(), 60_000);
