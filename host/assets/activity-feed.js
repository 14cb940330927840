/**
 * `<activity-feed src="/ws" types="task.*" limit="50">`: a live list of events (docs/embedding.md). None twice
 * or out of order; what was left out is a line; events become text only.
 *
 * @typedef {{id: string, seq: number, prev?: number, cursor: string, event_type: string, source: string, task_id?: string,
 *   agent_id?: string, timestamp: string, data: Object, display: {icon: string, label: string, text: string}}} FeedEvent
 * @typedef {{prev?: number, from: ?string, to: ?string, count: ?number, by_type: ?Object, reason: string}} Skipped
 * @typedef {{type: string, subscription?: string, payload?: any}} Frame
 * @typedef {{state: string, transport: string, shared: boolean, message: string}} Status
 */
(() => {
  const ROOT = new URL('..', document.currentScript?.src || document.baseURI);
  // ms
  const OPEN_WAIT = 8_000, ANSWER_WAIT = 2_500;
  const STOP = { 4000: 'refused', 4001: 'signed-out', 4003: 'refused', 4008: 'refused', refused: 'refused' };

  const seqOf = (cursor) => Number(cursor.split(':')[1]);
  const epochOf = (cursor) => cursor.split(':')[0];

  const address = ({ api, filters }, path, query) => {
    const url = new URL(path, api);
    for (const [name, values] of Object.entries({ ...filters, ...query })) {
      for (const value of [values].flat()) url.searchParams.append(name.replace(/s$/, ''), value);
    }
    return url;
  };

  const get = async (options, path, query, signal = AbortSignal.timeout(40_000)) => {
    const token = await options.token();
    return fetch(address(options, path, query), { signal, headers: token ? { authorization: `Bearer ${token}` } : {} });
  };

  /** Make an element. `on…` are listeners, a class is a part too. */
  const h = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else if (value) element.setAttribute(name, value);
      if (name === 'class') element.part = value;
    }
    element.append(...children);
    return element;
  };

  /** In the text node there is. */
  const say = (element, text) => {
    if (!element.firstChild) element.append(text);
    else if (element.firstChild.data !== text) element.firstChild.data = text;
  };

  /** How far one view of the log has got. */
  class Position {
    cursor = '';
    seq = -1;

    move(cursor) {
      this.cursor = cursor;
      this.seq = seqOf(cursor);
    }

    /** Move to what a frame settles. True: new; false: seen before; null: something is missing before it. */
    take({ type, payload: p }) {
      const end = type === 'subscribed' ? p.from : p?.cursor ?? p?.to;
      if (end && this.cursor && epochOf(end) === epochOf(this.cursor)) {
        if (type === 'subscribed') return true;
        if (seqOf(end) <= this.seq) return false;
        if (p.prev > this.seq) return null;
      }
      if (end) this.move(end);
      return true;
    }
  }

  /** One connection: WebSocket, else SSE, else polling. Hands on each frame once and in order. */
  class Link {
    position = new Position();
    #mode = 'websocket';
    #over = false;
    #turn = new AbortController(); // ends the attempt or wait
    #waiting = false;
    #next = 0; // when WebSocket is tried again
    #heard = 0; // when something came last
    #since = 0; // when it became live, or 0
    #failures = 0;
    #why = ''; // the server's words for a refusal
    #socket = null;

    /** @param {(frame: Frame) => void} onFrame @param {(status: Status) => void} onStatus */
    constructor(options, cursor, onFrame, onStatus) {
      Object.assign(this, { options, onFrame, onStatus });
      if (cursor) this.position.move(cursor);
      this.#run();
    }

    stop() {
      this.#over = true;
      this.#turn.abort();
    }

    /** Somebody looks: try now. */
    nudge() {
      this.#failures = 0;
      if (this.#socket) this.#probe(ANSWER_WAIT);
      else if (this.#waiting || (this.#since && Date.now() - this.#heard > 20_000)) this.#turn.abort();
    }

    async refresh() {
      this.#socket?.send(JSON.stringify({ action: 'refresh', token: await this.options.token() }));
    }

    async #run() {
      this.#say('connecting');
      while (!this.#over) {
        const turn = this.#turn = new AbortController();
        const asking = setInterval(() => this.#askState(turn).catch(() => {}), 3_000);
        const renewing = setInterval(() => this.#status(), 300_000); // the cookie lasts 15 min
        let end = await this[this.#mode](turn).catch((error) => error); // a close code, `gap` …
        clearInterval(asking);
        clearInterval(renewing);
        turn.abort();
        const lived = this.#since && Date.now() - this.#since;
        this.#since = 0;
        this.#failures = lived > 1_000 ? 0 : this.#failures + 1;
        if (this.#over) return;
        if (!STOP[end] && (!lived || end === 4202)) {
          const status = await this.#status();
          if (status === 401 || status === 403) end = status + 3600;
          else if (!status) this.#mode = 'websocket';
          else if (!lived && this.#failures > 1) {
            this.#mode = this.#mode === 'websocket' ? 'sse' : 'polling';
            this.#next = Date.now() + 300_000;
          }
        } else if (Date.now() > this.#next) this.#mode = 'websocket';
        if (STOP[end]) return this.#say(STOP[end]);
        this.#say(navigator.onLine ? 'reconnecting' : 'offline');
        const most = Math.min(20_000, 500 * 2 ** this.#failures);
        const least = end > 4100 && end < 4200 ? 1_000 : end?.retry ?? 0;
        if (/^(4201|4202|gap)$/.test(end) && !this.#failures) continue;
        this.#turn = new AbortController();
        this.#waiting = true;
        await new Promise((done) => {
          setTimeout(done, least + Math.random() * most);
          this.#turn.signal.onabort = done;
        });
        this.#waiting = false;
      }
    }

    /** A plain request's answer; 0: none. */
    #status() {
      return get(this.options, 'api/events', { limit: 1 }).then(({ status }) => status, () => 0);
    }

    #say(state) {
      this.onStatus({ state, transport: state === 'live' ? this.#mode : '', shared: false, message: this.#why });
    }

    #live() {
      this.#heard = Date.now();
      if (this.#since) return;
      this.#since = this.#heard;
      this.#say('live');
    }

    /** False: something is missing. @param {Frame} frame */
    #frame(frame) {
      this.#live();
      const fresh = frame.type === 'state' || (!frame.subscription && this.position.take(frame));
      if (fresh) this.onFrame(frame);
      return fresh !== null;
    }

    /** Not a place of this log. */
    #forget() {
      this.position = new Position();
      this.onFrame({ type: 'skipped', payload: { from: null, to: null, count: null, by_type: null, reason: 'pruned' } });
    }

    get #start() {
      const { cursor } = this.position;
      return cursor ? { since: cursor } : { replay: Math.min(this.options.limit, 100) };
    }

    async websocket(turn) {
      const { ws, filters, state, token } = this.options;
      const bearer = await token();
      return new Promise((done) => {
        const socket = new WebSocket(ws, bearer ? ['activity-feed.v1', `bearer.${bearer}`] : []);
        let beat = 0;
        const end = (reason) => {
          clearInterval(beat);
          clearTimeout(open);
          this.#socket = socket.onmessage = socket.onclose = null;
          socket.close();
          done(reason);
        };
        const open = setTimeout(end, OPEN_WAIT);
        const subscribe = (more) => socket.send(JSON.stringify({ action: 'subscribe', ...more }));
        const feed = () => subscribe({ channel: 'events', ...filters, ...this.#start });
        turn.signal.onabort = end;
        socket.onclose = ({ code }) => end(code);
        socket.onopen = () => {
          feed();
          if (state) subscribe({ channel: 'state', id: 'state' });
        };
        socket.onmessage = ({ data }) => {
          const frame = JSON.parse(data);
          if (frame.type === 'hello') {
            clearTimeout(open);
            this.#socket = socket;
            beat = setInterval(() => this.#probe(10_000), frame.payload.ping_ms);
          } else if (frame.type === 'error' && !frame.subscription) {
            if (frame.payload.code.endsWith('_cursor')) return this.#forget(), feed();
            this.#why = frame.payload.message;
            return end('refused');
          }
          if (!this.#frame(frame)) end('gap');
        };
      });
    }

    /** Browsers hide the protocol's pings: ask for a word. */
    #probe(patience) {
      const turn = this.#turn;
      const asked = Date.now();
      this.#socket.send('{"action":"ping"}');
      setTimeout(() => this.#heard < asked && turn.abort(), patience);
    }

    async #ask(path, query, { signal }) {
      const answer = await get(this.options, path, query, signal);
      if (answer.ok) return answer;
      if (answer.status === 422 && this.position.cursor) this.#forget();
      throw { retry: 1_000 * (Number(answer.headers.get('retry-after')) || 1) };
    }

    async sse(turn) {
      // A proxy may hold it back.
      let patience = setTimeout(() => turn.abort(), OPEN_WAIT);
      const answer = await this.#ask('api/events/stream', this.#start, turn);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let rest = ''; ;) {
        const { value, done } = await reader.read();
        if (done) return 'lost';
        this.#live();
        clearTimeout(patience);
        patience = setTimeout(() => turn.abort(), 35_000);
        const messages = (rest + value).split(/\r?\n\r?\n/);
        rest = messages.pop();
        for (const message of messages) {
          const field = (name) => message.match(RegExp(`^${name}: ?(.*)`, 'm'))?.[1];
          const data = field('data');
          if (data && !this.#frame({ type: field('event') ?? 'event', payload: JSON.parse(data) })) return 'gap';
        }
      }
    }

    async polling(turn) {
      do {
        const { cursor } = this.position;
        const query = cursor ? { since: cursor, wait: 25, limit: 1000 } : { limit: this.options.limit };
        const patience = setTimeout(() => turn.abort(), 40_000);
        const page = await (await this.#ask('api/events', query, turn)).json();
        clearTimeout(patience);
        const events = cursor ? page.events : page.events.reverse();
        if (page.skipped) this.#frame({ type: 'skipped', payload: page.skipped });
        for (const payload of events) this.#frame({ type: 'event', payload });
        this.#frame({ type: 'caught_up', payload: { cursor: cursor ? page.cursor : events.at(-1)?.cursor ?? page.head } });
      } while (Date.now() < this.#next);
    }

    /** Without a socket. */
    async #askState({ signal }) {
      if (!this.options.state || !this.#since || this.#socket) return;
      const answer = await get({ ...this.options, filters: {} }, 'api/state', {}, signal);
      this.#frame({ type: 'state', payload: await answer.json() });
    }
  }

  /** One connection for all tabs: who holds the Web Lock has the `Link`; each keeps its own position. */
  class Source {
    position = new Position();
    status = /** @type {Status} */ ({ state: 'connecting' });
    #id = Math.random();
    /** For a tab that joins: the newest frames, complete after `floor`, and the state. */
    #known = { recent: [], floor: '', state: null };
    link = /** @type {?Link} */ (null);
    #channel = null;
    #leave = () => {};
    #alarm = 0;
    #watch = 0;
    #heard = 0; // the leader, last
    #others = false;

    constructor(options, name, onFrame, onStatus) {
      Object.assign(this, { options, name, onFrame, onStatus });
    }

    start() {
      if (!navigator.locks) return this.#lead(); // not a secure context
      this.#channel = new BroadcastChannel(this.name);
      this.#channel.onmessage = ({ data }) => this.#hear(data);
      this.#queue();
      this.#call();
      this.#watch = setInterval(() => this.link || Date.now() - this.#heard < 30_000 || this.#call(), 10_000);
    }

    stop() {
      clearTimeout(this.#alarm);
      clearInterval(this.#watch);
      this.#channel?.close();
      this.#channel = null;
      this.#leave();
      this.link?.stop();
    }

    nudge() {
      if (this.link) this.link.nudge();
      else this.#call();
    }

    #queue(steal) {
      const away = new AbortController();
      this.#leave = () => away.abort();
      const lead = () => new Promise((release) => {
        this.#leave = release;
        if (this.#channel) this.#lead();
        else release();
      });
      navigator.locks.request(this.name, steal ? { steal } : { signal: away.signal }, lead).catch(() => {
        if (!this.#channel || away.signal.aborted) return;
        this.link?.stop(); // another leads
        this.link = null;
        this.#queue();
      });
    }

    #lead() {
      clearTimeout(this.#alarm);
      this.link = new Link(this.options, this.position.cursor, (frame) => this.#accept(frame), (status) => this.#tell(status));
      this.#channel?.postMessage({ lead: true });
    }

    /** Ask the leader, replace one that sleeps. */
    #call() {
      this.#channel?.postMessage({ hello: this.#id });
      clearTimeout(this.#alarm);
      this.#alarm = setTimeout(() => {
        if (this.link || !this.#channel || document.hidden) return;
        this.#leave();
        this.#queue(true);
      }, ANSWER_WAIT);
    }

    #hear({ hello, lead, to, recent, floor, state, cursor, frame, status }) {
      if (this.link) {
        if (!hello) return;
        this.#others = true;
        this.link.nudge();
        return this.#channel?.postMessage({ to: hello, ...this.#known, cursor: this.position.cursor, status: this.status });
      }
      this.#heard = Date.now();
      if (lead) this.#call();
      if (frame) this.#accept(frame);
      if (to === this.#id) {
        clearTimeout(this.#alarm);
        const mine = this.position.cursor;
        const same = epochOf(mine) === epochOf(floor);
        if (floor && !mine) this.position.move(this.#known.floor = floor);
        else if (floor && (!same || seqOf(floor) > seqOf(mine))) {
          this.#accept({ type: 'skipped', payload: { from: same ? mine : null, to: floor, count: null, by_type: null, reason: 'slow' } });
        }
        for (const old of state ? [...recent, state] : recent) this.#accept(old);
        if (cursor) this.#accept({ type: 'position', payload: { cursor } });
      }
      if (status && (!to || to === this.#id)) this.#tell({ ...status, shared: true });
    }

    /** @param {Frame} frame */
    #accept(frame) {
      const { type, payload } = frame;
      const known = this.#known;
      if (type === 'state') known.state = frame;
      else {
        if (payload?.to === null) this.position = new Position();
        const fresh = this.position.take(frame);
        if (!fresh) return fresh === null && this.#call();
        const { cursor, seq } = this.position;
        if (!cursor || epochOf(known.floor) !== epochOf(cursor)) {
          known.recent = [];
          known.floor = !cursor || type === 'subscribed' ? cursor : `${epochOf(cursor)}:${payload.prev ?? seq - 1}`;
        }
        if (/^(event|skipped)$/.test(type) && known.recent.push(frame) > this.options.limit) {
          const oldest = known.recent.shift().payload;
          known.floor = oldest.cursor ?? oldest.to;
        }
      }
      if (this.link && this.#others) this.#channel.postMessage({ frame });
      this.onFrame(frame);
    }

    #tell(status) {
      this.status = status;
      if (this.link) this.#channel?.postMessage({ status });
      this.onStatus(status);
    }
  }

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :host {
      display: block; contain: content; font: 14px/1.4 var(--af-font, system-ui, sans-serif); color: var(--af-fg);
      --af-fg: light-dark(#222, #eee); --af-muted: light-dark(#666, #aaa); --af-bg: light-dark(#fff, #111);
      --af-line: light-dark(#ddd, #333); --af-hover: light-dark(#f4f4f4, #222); --af-accent: light-dark(#26d, #6af);
      --af-task: light-dark(#26d, #6af); --af-agent: light-dark(#174, #4d8); --af-bid: light-dark(#950, #fc2);
      --af-auction: light-dark(#83c, #c9f); --af-tool: light-dark(#178, #4cd); --af-system: light-dark(#666, #aaa);
      --af-error: light-dark(#c22, #f77);
    }
    :host([hidden]), [hidden] { display: none !important; }
    * { box-sizing: border-box; }
    .panel { display: flex; flex-direction: column; height: 100%; background: var(--af-bg);
      border: 1px solid var(--af-line); border-radius: var(--af-radius, 12px); overflow: hidden; }
    .auto { color-scheme: light dark; }
    .header { display: flex; align-items: center; gap: 8px; padding: 12px 16px; }
    .title { flex: 1; margin: 0; font-size: 12px; letter-spacing: .1em; }
    .word, .tool, .chip, .time, .day { color: var(--af-muted); font-size: 12px; font-variant-numeric: tabular-nums; }
    .gap, .note, dt, .key { color: var(--af-muted); }
    .list > li { contain: content; }
    .light { border: 4px solid var(--af-line); border-radius: 50%; }
    [status=live] .light { border-color: #e44; animation: pulse 2s infinite; }
    @keyframes pulse { 50% { opacity: .4; } }
    @keyframes new { from { opacity: 0; } }
    button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: start; }
    :focus-visible { outline: 2px solid var(--af-accent); outline-offset: -2px; border-radius: 6px; }
    .tool { padding: 4px 8px; }
    .word::first-letter, .note::first-letter { text-transform: uppercase; }
    .chips { display: flex; gap: 8px; min-height: 38px; padding: 0 16px 12px; overflow-x: auto; scrollbar-width: none; }
    .chip { flex: none; padding: 4px 8px; border: 1px solid var(--af-line); border-radius: 20px; }
    .chip::before { content: '● '; color: var(--kind); }
    .chip[aria-pressed=true] { border-color: var(--kind); color: var(--af-fg); }
    .chip[aria-pressed=true]::before { content: '✓ '; }
    .scroll { flex: 1; max-height: var(--af-max-height, 420px); overflow: auto; border-block: 1px solid var(--af-line); }
    #top { height: 2px; margin-bottom: -2px; overflow-anchor: none; }
    .list:not(:empty) ~ slot { display: none; }
    ol { list-style: none; margin: 0; padding: 0; }
    .line { display: flex; gap: 10px; align-items: baseline; width: 100%; line-height: round(1.4em, 1px); padding: var(--af-row, 7px) 16px; border-inline-start: 3px solid var(--kind, transparent); }
    .line:hover, .open > .line, .details, .tool:hover { background: var(--af-hover); }
    .icon { flex: none; width: 1.4em; text-align: center; }
    .text { flex: 1; overflow: hidden; overflow-wrap: anywhere; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
    .bad .text { color: var(--af-error); }
    .day { padding: 10px 16px 4px; }
    .new { animation: new .25s; }
    .pill { position: absolute; z-index: 1; inset-inline: 0; margin: 8px auto; width: max-content; padding: 4px 16px; border: 1px solid transparent; border-radius: 20px;
      background: var(--af-accent); color: var(--af-bg); font-size: 12px; }
    .note { padding: 40px 16px; text-align: center; }
    .footer { padding: 10px; text-align: center; }
    a, b { color: var(--af-accent); font-weight: inherit; text-decoration: none; }
    .details { padding: 4px 16px 12px 48px; font-size: 12px; overflow-wrap: anywhere; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 14px; margin: 0 0 8px; }
    dd { margin: 0; }
    .tree { font-family: monospace; max-height: 320px; overflow: auto; }
    .gap ol, details > :not(summary) { padding-inline-start: 16px; }
    #said { position: absolute; clip-path: inset(50%); }
    @media (pointer: coarse) { .line { padding-block: 13px; } .chip, .tool, .pill { min-height: 44px; } .chips { min-height: 56px; } dd a { display: inline-block; } dd a, summary { line-height: 2; } }
    @media (prefers-reduced-motion) { * { animation: none !important; } }
    @media (prefers-contrast: more) { :host { --af-muted: var(--af-fg); --af-line: var(--af-fg); } }
  `);

  // `Intl` takes 10 ms at first.
  const counted = (count) => `${count}`.replace(/\B(?=(\d{3})+$)/g, ',');
  const clock = (time) => new Date(time).toTimeString().slice(0, 8);
  const dayOf = (time) => new Date(time).toDateString();
  const kindOf = (type) => type.split('.', 1)[0];
  const paint = (element, kind) => {
    element.style.setProperty('--kind', `var(--af-${kind}, var(--af-system))`);
    return element;
  };
  const ago = (time) => {
    const s = (Date.now() - new Date(time)) / 1000;
    return s < 5 ? 'now' : s < 90 ? `${s | 0}s` : s < 5_400 ? `${s / 60 | 0}m` : s < 129_600 ? `${s / 3_600 | 0}h` : `${s / 86_400 | 0}d`;
  };

  const between = (...what) => h('li', { class: 'day' }, ...what);
  const item = (name, icon, ...children) => h('li', { class: name }, h('button', { class: 'line', type: 'button', tabindex: '-1', 'aria-expanded': 'false' },
    h('span', { class: 'icon', 'aria-hidden': 'true' }, icon), ...children));

  /** A JSON value, built as it is opened. */
  const tree = (key, value, open) => {
    const name = h('span', { class: 'key' }, `${key}: `);
    if (!value || typeof value !== 'object') return h('div', { dir: 'auto' }, name, JSON.stringify(value));
    const branch = h('details', {
      open, ontoggle: () => branch.children[1] || branch.append(...Object.entries(value).slice(0, 500).map(([k, v]) => tree(k, v))),
    }, h('summary', {}, name, Array.isArray(value) ? `[${value.length}]` : '{…}'));
    return branch;
  };

  const button = (name, onclick, more) => h('button', { class: 'tool', type: 'button', onclick, ...more }, name);
  const copy = (name, text) => button(name, async ({ target }) => {
    try {
      await navigator.clipboard.writeText(text);
      say(target, 'Copied');
    } catch {
      prompt(name, text);
    }
  });

  /** All of an event. @param {FeedEvent} event @param {URL} api  the server's root */
  const detailsOf = (event, api) => {
    const link = (query) => address({ api }, 'swarm/events', query).href;
    const { id, seq, timestamp } = event;
    const facts = ['event_type', 'source', 'task_id', 'agent_id'].filter((name) => event[name])
      .map((name) => [name, h('a', { href: link({ [name.replace('event_', '')]: event[name] }) }, event[name])]);
    return h('div', { class: 'details' },
      h('dl', {}, ...[...facts, ['time', `${new Date(timestamp)} · ${timestamp}`], ['id', `${id} · seq ${seq}`]]
        .flatMap(([name, value]) => [h('dt', {}, name.replace('_', ' ')), h('dd', { dir: 'auto' }, value)])),
      h('div', { class: 'tree', tabindex: '0' }, tree('data', event.data, true)),
      copy('Copy JSON', JSON.stringify(event, null, 2)), copy('Copy link', link({ event: id })));
  };

  /** The list. Fires `event`, `skipped`, `status` and `state`, with a FeedEvent, Skipped, Status … as `detail`. */
  class ActivityFeed extends HTMLElement {
    static observedAttributes = ['types', 'sources', 'task-ids', 'agent-ids', 'src', 'limit'];
    static detailsOf = detailsOf;

    #source = /** @type {?Source} */ (null);
    #options = null;
    #token = '';
    #pending = []; // FeedEvent or Skipped, at most `limit`
    #rows = []; // that show them
    #spare = []; // rows off the list's end, to be filled anew
    #fresh = 0; // how many came
    #counts = new Map(); // kind → its count and chip
    #kinds = new Set(); // the chips that are pressed
    #paused = false;
    #hover = 0; // until when the pointer holds the list, for it may rest
    #away = false; // its top is out of sight
    #due = 0;
    #entry = {}; // the line where Tab enters
    #released = false; // until all is shown
    #said = 0;
    #gone = null; // ends listeners

    constructor() {
      super();
      const $ = this.$ = {
        pause: button('Pause', () => this.pause(!this.#paused)),
        word: h('span', { class: 'word' }),
        chips: h('div', { class: 'chips', role: 'group', 'aria-label': 'Show only' }),
        pill: button('', () => this.#release(), { class: 'pill', hidden: true }),
        top: h('div', { id: 'top' }),
        list: h('ol', { class: 'list', 'aria-label': 'Newest first', onclick: (click) => this.#click(click), onkeydown: (key) => this.#key(key) }),
        note: h('div', { class: 'note' }),
        all: h('a', { class: 'all' }, 'Show All Events'),
        quiet: h('div', { id: 'said', 'aria-live': 'polite' }),
      };
      const check = () => this.#schedule();
      const hover = ({ type, pointerType }) => {
        this.#hover = type === 'pointermove' && pointerType === 'mouse' ? Date.now() + 30_000 : 0;
        check();
      };
      $.scroll = h('div', { class: 'scroll', onpointermove: hover, onpointerleave: hover, onfocusout: check }, $.top, $.list, h('slot'), $.note);
      $.panel = h('section', { class: 'panel', 'aria-label': 'Live activity' },
        h('div', { class: 'header' }, h('h2', { class: 'title' }, 'LIVE ACTIVITY'), $.pause, $.word, h('span', { class: 'light' })),
        $.chips, h('div', {}, $.pill), $.scroll, h('div', { class: 'footer' }, $.all), $.quiet);
      const root = this.attachShadow({ mode: 'open' });
      root.adoptedStyleSheets = [sheet];
      root.append($.panel);
      new IntersectionObserver((changes) => {
        this.#away = !changes.at(-1).isIntersecting;
        check();
      }).observe($.top);
    }

    /** @param {string | (() => Promise<string>)} token */
    set token(token) {
      const first = !this.#token;
      this.#token = token;
      if (first) this.connect();
      else if (/signed|refused/.test(this.status?.state)) this.retry();
      else this.#source?.link?.refresh();
    }

    get status() {
      return this.#source?.status;
    }

    connectedCallback() {
      this.$.panel.classList.toggle('auto', getComputedStyle(this).colorScheme === 'normal');
      const { signal } = (this.#gone = new AbortController());
      const wake = ({ type, persisted }) => {
        if (type === 'pagehide') this.#source.stop();
        else if (persisted) this.retry();
        else if (!document.hidden) this.#source.nudge();
      };
      for (const name of ['online', 'visibilitychange', 'pageshow', 'pagehide']) addEventListener(name, wake, { signal });
      const tick = setInterval(() => this.#second(), 1_000);
      signal.onabort = () => clearInterval(tick);
      this.#start();
    }

    disconnectedCallback() {
      this.#source.stop();
      this.#gone.abort();
    }

    attributeChangedCallback() {
      if (this.#source) this.connect();
    }

    /** Begin anew. */
    connect() {
      this.#source?.stop();
      this.#source = null;
      this.$.list.replaceChildren();
      this.$.chips.replaceChildren();
      this.#counts.clear();
      this.#pending = [];
      this.#rows = [];
      if (this.isConnected) this.#start();
    }

    /** Go on from where it stopped. */
    retry() {
      this.#source?.stop();
      this.#start();
    }

    pause(paused = true) {
      this.#paused = paused;
      this.$.pause.textContent = paused ? 'Resume' : 'Pause';
      if (!paused) this.#release();
    }

    resume() {
      this.pause(false);
    }

    #start() {
      const src = this.getAttribute('src');
      const ws = new URL(src ?? 'ws', src ? document.baseURI : ROOT);
      const api = new URL(ws.pathname.replace(/(ws|swarm\/live)$/, ''), ws.href.replace(/^ws/, 'http'));
      ws.protocol = ws.protocol.replace('http', 'ws');
      const filters = {};
      for (const name of ActivityFeed.observedAttributes.slice(0, 4)) {
        const values = (this.getAttribute(name) ?? '').split(',').map((value) => value.trim()).filter(Boolean);
        if (values.length) filters[name.replace('-', '_')] = values;
      }
      const limit = Math.min(Math.max(Number(this.getAttribute('limit')) || 50, 1), 500);
      const state = this.hasAttribute('state');
      this.#options = { ws, api, filters, limit, state, token: async () => (typeof this.#token === 'function' ? this.#token() : this.#token) };
      this.$.all.href = address(this.#options, 'swarm/events', {}).href;
      // Keeps two users apart.
      const hint = String(this.#token).slice(-9);
      const before = this.#source;
      this.#source = new Source(this.#options, JSON.stringify([ws, filters, limit, state, hint]), (frame) => this.#frame(frame), (status) => this.#status(status));
      if (before) this.#source.position = before.position;
      this.#source.start();
    }

    #fire(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { detail }));
    }

    /** @param {Status} status */
    #status(status) {
      const { state, transport } = status;
      this.setAttribute('transport', transport);
      for (const element of [this, this.$.panel]) element.setAttribute('status', state);
      this.$.word.textContent = state.replace('-', ' ') + (transport && ` · ${transport}`);
      this.#note();
      this.#fire('status', status);
    }

    #note() {
      const { state, message } = this.status;
      // Its content stands in for events.
      const { list } = this.$;
      this.$.note.hidden = !!list.querySelector('li:not([hidden])') || (!list.firstChild && this.children.length && /^(live|conn)/.test(state));
      say(this.$.note, message || {
        live: this.#kinds.size ? 'None of these.' : 'Nothing has happened yet.',
      }[state] || `${state}…`);
    }

    /** @param {Frame} frame */
    #frame({ type, payload }) {
      this.#fire(type, payload);
      if (type !== 'event' && type !== 'skipped') return;
      const counts = type === 'event' ? { [payload.event_type]: 1 } : payload.by_type ?? {};
      for (const [name, count] of Object.entries(counts)) this.#count(kindOf(name), count);
      this.#fresh += payload.count ?? 1;
      if (this.#pending.push(payload) > this.#options.limit) this.#pending.shift();
      this.#schedule();
    }

    #count(kind, count) {
      let entry = this.#counts.get(kind);
      if (!entry) {
        if (this.#counts.size > 15) return;
        const chip = paint(button(kind, () => this.#choose(kind), { class: 'chip', 'aria-pressed': 'false' }), kind);
        this.#counts.set(kind, (entry = { count: 0, chip }));
        this.$.chips.append(chip);
      }
      entry.count += count;
    }

    #choose(kind) {
      if (!this.#kinds.delete(kind)) this.#kinds.add(kind);
      for (const [name, { chip }] of this.#counts) chip.setAttribute('aria-pressed', this.#kinds.has(name));
      for (const row of this.$.list.querySelectorAll('.row:not(.gap)')) row.hidden = this.#hides(row.shows);
      this.#note();
    }

    #hides({ event_type }) {
      return this.#kinds.size && !this.#kinds.has(kindOf(event_type));
    }

    /** Rows are made, laid out and painted in a task each. */
    #schedule(wait = 100) {
      this.#due ||= setTimeout(() => {
        this.#due = 0;
        const { list, pill, panel } = this.$;
        const held = list.firstChild && !this.#released && (this.#paused || this.#away || this.#hover > Date.now() || panel.querySelector('ol :focus-visible, .open, .pill:focus'));
        if (!held) return this.#make();
        pill.hidden = !this.#fresh;
        say(pill, `${counted(this.#fresh)} new event${this.#fresh === 1 ? '' : 's'}`);
      }, wait);
    }

    #release() {
      this.$.panel.scrollIntoView({ block: 'nearest' });
      this.#released = true;
      this.#schedule(0);
    }

    #make() {
      const end = Date.now() + 5; // ms
      while (this.#pending.length && Date.now() < end) {
        const shows = this.#pending.shift();
        this.#rows.push(shows.display ? this.#row(shows) : this.#gap(shows));
      }
      const wait = this.#pending.length ? 0 : this.#rows[3] ? 200 : 100;
      if (!wait && !this.$.list.firstChild) this.#schedule(0);
      else if (this.#rows.length) this.#due = setTimeout(() => this.#flush(wait));
      else this.#released = false;
    }

    #flush(wait) {
      this.#due = 0;
      if (!this.#rows.length) return; // begun anew
      const { list, pill, quiet, scroll } = this.$;
      const rows = document.createDocumentFragment();
      if (list.firstChild?.matches('.day')) list.firstChild.remove();
      let old = this.#day(list.firstChild);
      for (const row of this.#rows) {
        const next = this.#day(row) ?? old;
        if (old && next !== old) rows.prepend(between(old));
        old = next;
        rows.prepend(row);
      }
      if (old && old !== dayOf(Date.now())) rows.prepend(between(old));
      list.prepend(rows);
      while (list.childElementCount > this.#options.limit) {
        const row = list.lastChild;
        row.remove();
        if (row.matches('.row:not(.gap, .open)')) this.#spare.push(row);
      }
      const line = this.#stop(list.querySelector('.line'));
      if (pill.matches(':focus')) line.focus();
      pill.hidden = true;
      if (Date.now() - this.#said > 5_000) {
        this.#said = Date.now();
        say(quiet, `${this.#fresh} new. ${this.#rows.at(-1).shows.display?.text ?? ''}`);
      }
      this.#rows = [];
      this.#fresh = this.#pending.length;
      this.#note();
      list.offsetTop; // lays out
      // From 1 on the browser anchors, in a frame. Hidden tabs have none.
      this.#due = requestAnimationFrame(() => requestAnimationFrame(() => {
        this.#due = 0;
        scroll.scrollTop = 1;
        this.#schedule(wait);
      }));
    }

    #day(row) {
      const time = row?.shows?.timestamp;
      return time && dayOf(time);
    }

    /** @param {FeedEvent} event */
    #row(event) {
      const { event_type: type, display, timestamp } = event;
      const bad = /error|failed/.test(type);
      const row = this.#spare.pop() ?? item('row', '', h('span', { class: 'text', dir: 'auto' }), h('time', { class: 'time' }));
      const [icon, text, time] = row.firstChild.children;
      row.className = row.part = `row${bad ? ' bad' : ''}${this.#fresh < 4 ? ' new' : ''}`;
      row.hidden = this.#hides(event);
      time.dateTime = timestamp;
      time.title = new Date(timestamp);
      say(icon, display.icon);
      say(text, display.text);
      say(time, this.#time(timestamp));
      row.shows = event;
      return paint(row, bad ? 'error' : kindOf(type));
    }

    /** @param {Skipped} skipped */
    #gap(skipped) {
      const { count, reason, from, to } = skipped;
      const opens = from && to && reason !== 'pruned';
      const what = opens ? [`${counted(count ?? '')} more · `, h('b', {}, 'show')] : ['Older events are not kept'];
      const row = item('row gap', '⋯', h('span', { class: 'text' }, ...what));
      row.firstChild.disabled = !opens;
      row.shows = skipped;
      return row;
    }

    #time(timestamp) {
      return (this.getAttribute('time') === 'clock' ? clock : ago)(timestamp);
    }

    #second() {
      if (document.hidden) return;
      this.#schedule();
      for (const [kind, { count, chip }] of this.#counts) say(chip, `${kind} ${counted(count)}`);
      for (const time of this.$.list.querySelectorAll('time')) say(time, this.#time(time.dateTime));
    }

    #click({ target }) {
      const line = target.closest('.line');
      if (!line) return;
      line.focus();
      const row = line.parentElement;
      const open = row.classList.toggle('open');
      line.setAttribute('aria-expanded', open);
      const { shows } = row;
      if (!open) row.lastChild.remove();
      else if (shows.display) row.append(detailsOf(shows, this.#options.api));
      else this.#fill(row, shows);
      this.#schedule();
    }

    #key(key) {
      const lines = [...this.$.list.querySelectorAll('.row:not([hidden]) > .line:enabled')];
      const at = lines.indexOf(key.target);
      const line = lines[{ ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1 }[key.key]];
      if (key.key === 'Escape') key.target.closest('.open')?.firstChild.click();
      if (at < 0 || !line) return;
      key.preventDefault();
      this.#stop(line).focus();
    }

    #stop(line) {
      this.#entry.tabIndex = -1;
      line.tabIndex = 0;
      return (this.#entry = line);
    }

    /** Show what a `skipped` left out. */
    async #fill(row, { from, to }) {
      const below = h('ol', {}, between('Loading…'));
      row.append(below);
      try {
        const range = { since: from, until: to };
        const answer = await get(this.#options, 'api/events', { ...range, order: 'desc', limit: 100 });
        const { events, more } = await answer.json();
        below.replaceChildren(...events.map((event) => this.#row(event)));
        if (more) below.append(between(h('a', { href: address(this.#options, 'swarm/events', range).href }, 'All of them')));
      } catch {
        below.replaceChildren(between('Not read. Try again.'));
      }
    }
  }

  customElements.define('activity-feed', ActivityFeed);
})();
