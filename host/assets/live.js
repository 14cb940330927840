/**
 * The live page: is the swarm well? The widget brings events and the swarm's state; `summary` brings the last hour, which
 * events then keep up to date until the next one. Nothing here reloads.
 */
import { ago, ask, byId, count, exactly, h, isError, keyed, kindOf, root, session, setText, signIn, span, timeOf } from './common.js';

const SUMMARY_EVERY = 30_000; // ms; it also keeps the session's cookie fresh
const KINDS = ['task', 'agent', 'bid', 'auction', 'tool', 'system', 'error', 'other'];
const STEPS = [['created', 'Created'], ['bidding', 'Bidding'], ['assigned', 'Assigned'], ['started', 'Started'], ['completed', 'Completed'], ['failed', 'Failed']];
const AGENTS_SHOWN = 12;
let byName = null; // a collator's, made when it is needed: localeCompare makes one each time
const narrow = matchMedia('(max-width: 820px)'); // a telephone
const GONE = /^(left|offline|gone|dead|disconnected)$/;

let swarm = null; // what `state` said last
let minutes = []; // {at: Date, total, kinds: {…}}, oldest first
let summaryAt = Infinity; // ms since 1970
let errors = { total: 0, latest: [] };
let link = { state: 'connecting', transport: '', message: '' };
let allAgents = false;

const logLink = (query) => `events?${new URLSearchParams(query)}`;
const chartKind = (type) => (isError(type) ? 'error' : KINDS.includes(kindOf(type)) ? kindOf(type) : 'other');

// ------------------------------------------------------------------------------------------------------ the last hour

async function readSummary() {
  const hour = new Date(Date.now() - 3_600_000).toISOString();
  const failures = new URLSearchParams([['type', 'system.error'], ['type', 'error.*'], ['type', 'task.failed'], ['type', 'tool.failed'], ['since', hour], ['order', 'desc'], ['limit', '6']]);
  const [summary, latest] = await Promise.all([ask('api/events/summary', { minutes: 60 }), ask('api/events', failures).catch(() => ({ events: [] }))]);
  summaryAt = Date.now();
  const now = Math.floor(summaryAt / 60_000);
  minutes = summary.per_minute.map((total, i) => ({ at: new Date((now - summary.per_minute.length + 1 + i) * 60_000), total, kinds: {} }));
  for (const [type, byMinute] of Object.entries(summary.per_minute_by_type ?? {})) {
    for (const [i, n] of Object.entries(byMinute)) {
      const { kinds } = minutes[i] ?? { kinds: {} };
      kinds[chartKind(type)] = (kinds[chartKind(type)] ?? 0) + n;
    }
  }
  const total = Object.entries(summary.by_type).reduce((sum, [type, n]) => sum + (isError(type) ? n : 0), 0);
  errors = { total, latest: latest.events };
  showHour();
}

function add(type, n) {
  const minute = Math.floor(Date.now() / 60_000);
  const last = minutes.at(-1);
  if (!last) return;
  for (let at = Math.floor(last.at / 60_000) + 1; at <= minute; at++) {
    minutes.push({ at: new Date(at * 60_000), total: 0, kinds: {} });
    minutes.shift();
  }
  const { kinds } = minutes.at(-1);
  minutes.at(-1).total += n;
  kinds[chartKind(type)] = (kinds[chartKind(type)] ?? 0) + n;
}

/** Whether the overview is: a telephone shows it or the list. */
const seen = () => !document.hidden && !(narrow.matches && document.body.dataset.view === 'feed');
const showAll = () => (showHour(), showState());

let due = 0;
const soon = () => (due ||= setTimeout(() => ((due = 0), showHour()), 1_000));

function showHour() {
  if (!minutes.length || !seen()) return;
  const total = minutes.reduce((sum, minute) => sum + minute.total, 0);
  setText(byId('n-events'), count(total));
  setText(byId('n-errors'), count(errors.total));
  byId('n-errors').classList.toggle('bad', errors.total > 0);
  drawChart();
  setText(byId('errors-word'), errors.total > errors.latest.length ? `${count(errors.total)} in all` : '');
  keyed(byId('errors'), errors.latest.slice(0, 6), (event) => event.id,
    (event) => h('li', { class: 'row' },
      h('span', { 'aria-hidden': 'true' }, event.display.icon),
      h('a', { class: 'grow clamp', dir: 'auto', href: logLink({ event: event.id }) }, event.display.text),
      h('time', { datetime: event.timestamp, title: exactly(event.timestamp) }, timeOf(event.timestamp))),
    () => {}, 'None.');
  showHealth();
}

// ----------------------------------------------------------------------------------------------------------- the chart

const SVG = 'http://www.w3.org/2000/svg';
const svg = (tag, attributes, ...children) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
};

/** A round top for the axis, whose half is round, too. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(Math.max(value, 1)));
  return [1, 2, 3, 4, 6, 8, 10].map((n) => n * power).find((n) => n >= value);
}

const LEFT = 46, BOTTOM = 20; // px

function drawChart() {
  const { clientWidth: width, clientHeight: height } = byId('chart');
  if (!width) return; // not on the screen
  const top = roundUp(Math.max(4, ...minutes.map((minute) => minute.total)));
  const plot = height - BOTTOM - 8;
  const step = (width - LEFT) / Math.max(minutes.length, 1);
  const y = (value) => 8 + plot * (1 - value / top);
  const parts = [0, top / 2, top].flatMap((value) => [
    svg('line', { class: 'grid', x1: LEFT, x2: width, y1: y(value), y2: y(value) }),
    svg('text', { x: LEFT - 8, y: y(value) + 4, 'text-anchor': 'end' }, count(value)),
  ]);
  const bars = Object.fromEntries(KINDS.map((kind) => [kind, '']));
  minutes.forEach((minute, i) => {
    let base = 0;
    for (const kind of KINDS) {
      const n = minute.kinds[kind] ?? 0;
      if (!n) continue;
      const tall = (n / top) * plot;
      base += tall;
      const wide = (step * 0.72).toFixed(2);
      bars[kind] += `M${(LEFT + i * step + step * 0.14).toFixed(2)} ${(8 + plot - base).toFixed(2)}h${wide}v${Math.max(tall - 0.6, 0.6).toFixed(2)}h-${wide}z`;
    }
    if (minute.at.getMinutes() % 15 === 0) parts.push(svg('text', { x: LEFT + (i + 0.5) * step, y: height - 3, 'text-anchor': 'middle' }, timeOf(minute.at).slice(0, 5)));
  });
  // One path a kind: a dozen elements, however many bars.
  parts.push(...KINDS.filter((kind) => bars[kind]).map((kind) => svg('path', { class: `k-${kind}`, d: bars[kind] })));
  const peak = minutes.reduce((most, minute) => (minute.total > most.total ? minute : most), { total: 0 });
  const total = minutes.reduce((sum, minute) => sum + minute.total, 0);
  const label = `${count(total)} events in the last hour${peak.at ? `, most at ${timeOf(peak.at).slice(0, 5)}: ${count(peak.total)}` : ''}`;
  byId('chart').replaceChildren(svg('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': label }, ...parts));
  const sums = KINDS.map((kind) => [kind, minutes.reduce((sum, minute) => sum + (minute.kinds[kind] ?? 0), 0)]).filter(([, n]) => n);
  keyed(byId('legend'), sums, ([kind]) => kind,
    ([kind]) => h('li', { class: `k-${kind}` }, h('span', { class: 'swatch' }), kind === 'error' ? 'errors' : kind, h('b')),
    (element, [, n]) => setText(element.lastChild, count(n)), 'Nothing has been logged in the last hour.');
}

function pointAt(event) {
  const box = byId('chart').getBoundingClientRect();
  const minute = minutes[Math.floor(((event.clientX - box.left - LEFT) / (box.width - LEFT)) * minutes.length)];
  const parts = minute && Object.entries(minute.kinds).sort((a, b) => b[1] - a[1]).slice(0, 4).map(([kind, n]) => `${kind} ${count(n)}`);
  setText(byId('chart-word'), minute ? `${timeOf(minute.at).slice(0, 5)} · ${[`${count(minute.total)} in all`, ...parts].join(' · ')}` : 'Last 60 minutes');
}

// ----------------------------------------------------------------------------------------------------------- the state

/** Not in the task that brought the news. */
let drawing = 0;
const drawSoon = () => (drawing ||= requestAnimationFrame(() => ((drawing = 0), showState())));

function showState() {
  if (!swarm || !seen()) return;
  const { agents = [], tasks = {}, auctions = [] } = swarm;
  const here = agents.filter((agent) => !GONE.test(agent.status));
  byId('n-agents').replaceChildren(count(here.length), h('small', {}, ` of ${count(agents.length)}`));
  setText(byId('n-open'), count(STEPS.slice(0, 4).reduce((sum, [name]) => sum + (tasks[name] ?? 0), 0)));
  byId('n-done').replaceChildren(count(tasks.completed), ...(tasks.failed ? [h('small', {}, ` · ${count(tasks.failed)} failed`)] : []));
  setText(byId('n-auctions'), count(auctions.length));
  showTasks(tasks);
  showAgents(agents);
  showAuctions(auctions);
  showHealth();
}

function showTasks(tasks) {
  const of = (names) => Math.max(1, names.reduce((sum, name) => sum + (tasks[name] ?? 0), 0));
  const open = of(STEPS.slice(0, 4).map(([name]) => name));
  const over = of(['completed', 'failed']);
  keyed(byId('tasks'), STEPS, ([name]) => name,
    ([name, label]) => h('li', { class: name }, h('a', { href: logLink({ type: `task.${name}` }) }, label), h('b'), h('span', { class: 'meter' }, h('i'))),
    (element, [name], n = tasks[name] ?? 0) => {
      setText(element.children[1], count(n));
      element.querySelector('i').style.width = `${(n / (name === 'completed' || name === 'failed' ? over : open)) * 100}%`;
    });
}

function showAgents(agents) {
  byName ??= new Intl.Collator().compare;
  const rank = (agent) => (GONE.test(agent.status) ? 1 : 0);
  const sorted = [...agents].sort((a, b) => rank(a) - rank(b) || byName(a.name || a.id, b.name || b.id)); // by name, so that rows stay where they are
  const shown = allAgents ? sorted : sorted.slice(0, AGENTS_SHOWN);
  keyed(byId('agents'), shown, (agent) => agent.id,
    (agent) => h('li', { class: 'row agent' }, h('span', { class: 'dot' }),
      h('div', { class: 'grow' },
        h('p', {}, h('a', { class: 'name', dir: 'auto', href: logLink({ agent_id: agent.id }) }), h('span', { class: 'state' })),
        h('p', { class: 'quiet clamp', dir: 'auto' })),
      h('time')),
    (element, { name, id, status, last }) => {
      element.dataset.status = GONE.test(status) ? 'gone' : status;
      setText(element.querySelector('.name'), name || id);
      setText(element.querySelector('.state'), status || 'online');
      setText(element.querySelector('.quiet'), last?.text || last?.event_type || 'Nothing yet');
      const time = element.querySelector('time');
      setText(time, last ? ago(last.timestamp) : '');
      if (last && time.dateTime !== last.timestamp) Object.assign(time, { dateTime: last.timestamp, title: exactly(last.timestamp) });
    }, 'No agent has joined yet.');
  const rest = sorted.length - shown.length;
  const more = byId('agents-more');
  more.hidden = !rest && !allAgents;
  setText(more, allAgents ? 'Show fewer' : `Show ${count(rest)} more`);
}

function showAuctions(auctions) {
  const sorted = [...auctions].sort((a, b) => String(a.closes ?? '~').localeCompare(String(b.closes ?? '~')));
  setText(byId('auctions-word'), sorted.length > 8 ? `8 of ${count(sorted.length)}` : '');
  keyed(byId('auctions'), sorted.slice(0, 8), (auction) => auction.task_id,
    (auction) => h('li', { class: 'row auction' },
      h('div', { class: 'grow' },
        h('a', { class: 'clamp', dir: 'auto', href: logLink({ task_id: auction.task_id }) }),
        h('p', { class: 'quiet' })),
      h('time'), h('span', { class: 'meter' }, h('i'))),
    (element, { task_id, description, bids, best, opened, closes }) => {
      setText(element.querySelector('a'), description || task_id);
      const offers = bids === 1 ? '1 bid' : `${count(bids)} bids`;
      setText(element.querySelector('p'), best ? `${offers} · best ${count(best.amount)} sats${best.agent ? ` from ${best.agent}` : ''}` : bids ? offers : 'No bid yet');
      const left = closes && new Date(closes) - Date.now();
      setText(element.querySelector('time'), closes ? (left > 0 ? `${span(left)} left` : 'closing') : opened ? `open ${span(Date.now() - new Date(opened))}` : '');
      element.querySelector('.meter').hidden = !closes || !opened;
      if (closes && opened) element.querySelector('i').style.width = `${Math.max(0, Math.min(100, (left / (new Date(closes) - new Date(opened))) * 100))}%`;
    }, 'No auction is open.');
}

// ------------------------------------------------------------------------------------------------------------ in words

function showHealth() {
  const [level, word, why] = health();
  const title = byId('health');
  title.className = level;
  setText(title, word);
  setText(byId('health-why'), why);
}

/** How the swarm is, as a level, a sentence and the reason. */
function health() {
  if (link.state !== 'live' && swarm) return ['wait', 'Not connected', 'What you see may be old. It goes on by itself.'];
  if (!swarm) return ['wait', link.state === 'live' ? 'Looking at the swarm…' : 'Connecting…', '\u00a0'];
  const { agents = [], tasks = {}, auctions = [] } = swarm;
  const here = agents.filter((agent) => !GONE.test(agent.status)).length;
  const open = STEPS.slice(0, 4).reduce((sum, [name]) => sum + (tasks[name] ?? 0), 0);
  const facts = [
    `${count(here)} agent${here === 1 ? '' : 's'} online`, `${count(open)} task${open === 1 ? '' : 's'} under way`,
    ...(auctions.length ? [`${count(auctions.length)} auction${auctions.length === 1 ? '' : 's'} open`] : []),
  ].join(', ');
  const total = minutes.reduce((sum, minute) => sum + minute.total, 0);
  if (!agents.length && !total && !open) return ['idle', 'Nothing has happened yet', 'Log an event, for example: activity-feed log system.info --data \'{"message":"hello"}\''];
  if (errors.total) return [errors.total > total / 10 ? 'bad' : 'warn', `${count(errors.total)} error${errors.total === 1 ? '' : 's'} in the last hour`, `${facts}.`];
  if (agents.length && !here) return ['warn', 'No agent is online', `${facts}.`];
  return ['well', 'The swarm is well', `${facts}, no errors in the last hour.`];
}

function showLink(status) {
  link = status;
  const words = {
    live: { websocket: 'Live over WebSocket', sse: 'Live over an event stream', polling: 'Live by polling' }[status.transport] ?? 'Live',
    connecting: 'Connecting', reconnecting: 'Reconnecting', offline: 'Offline', 'signed-out': 'Signed out', refused: 'Refused', stopped: 'Stopped',
  };
  setText(byId('link-word'), words[status.state] + (status.shared ? ', shared with another tab' : ''));
  byId('link').dataset.state = status.state;
  showHealth();
}

// --------------------------------------------------------------------------------------------------------------- start

for (const button of document.querySelectorAll('[data-show]')) {
  button.addEventListener('click', () => {
    document.body.dataset.view = button.dataset.show;
    scrollTo(0, 0);
    showAll();
    for (const other of document.querySelectorAll('[data-show]')) other.setAttribute('aria-pressed', String(other === button));
  });
}
const showNamed = () => location.hash === '#swarm' && document.querySelector('[data-show=swarm]').click();
showNamed();
addEventListener('hashchange', showNamed);
byId('agents-more').addEventListener('click', () => ((allAgents = !allAgents), showState()));
new ResizeObserver(drawChart).observe(byId('chart'));
byId('chart').addEventListener('pointermove', pointAt);
byId('chart').addEventListener('pointerleave', () => setText(byId('chart-word'), 'Last 60 minutes'));

await session();
await customElements.whenDefined('activity-feed');
const feed = h('activity-feed', {
  src: new URL('ws', root), state: true, limit: narrow.matches ? '50' : '100' /* fewer to lay out */, time: 'clock',
  onstate: ({ detail }) => ((swarm = detail), drawSoon()),
  onevent: ({ detail }) => {
    if (new Date(detail.timestamp).getTime() < summaryAt) return; // a replay, which the summary has counted
    add(detail.event_type, 1);
    if (isError(detail.event_type)) errors = { total: errors.total + 1, latest: [detail, ...errors.latest].slice(0, 6) };
    soon();
  },
  onskipped: ({ detail }) => {
    if (detail.reason !== 'rate') return; // the others are old, and the summary has counted them
    for (const [type, n] of Object.entries(detail.by_type ?? {})) {
      add(type, n);
      if (isError(type)) errors.total += n;
    }
    soon();
  },
  onstatus: async ({ detail }) => {
    showLink(detail);
    if (detail.state !== 'signed-out') return;
    await signIn('Your session is over.');
    feed.retry();
  },
});
feed.append(byId('plain-list')); // the widget shows it until it has events of its own
byId('feed').replaceChildren(feed);
const refresh = () => !document.hidden && readSummary().catch(() => {});
refresh();
setInterval(refresh, SUMMARY_EVERY);
setInterval(() => swarm && showState(), 1_000);
document.addEventListener('visibilitychange', () => (refresh(), showAll()));
narrow.addEventListener('change', showAll);
