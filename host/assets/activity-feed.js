/**
 * `<activity-feed>`: a live list of events as one custom element, without dependencies.
 *
 *   <script src="/assets/activity-feed.js" defer></script>
 *   <activity-feed src="/ws" types="task.*" limit="50"></activity-feed>
 *
 * It never shows an event twice or out of order, and what was left out is always a line of its own. Text of events only
 * ever reaches the page as text. Three classes, from the wire to the screen: `Link` (one connection), `Source` (one
 * connection for all tabs), `ActivityFeed` (the list). docs/embedding.md tells all that a page can set and hear.
 *
 * @typedef {{id: string, seq: number, prev?: number, cursor: string, event_type: string, source: string, task_id?: string,
 *   agent_id?: string, timestamp: string, data: Object, display: {icon: string, label: string, text: string}}} FeedEvent
 * @typedef {{prev?: number, from: ?string, to: ?string, count: ?number, by_type: ?Object<string, number>, reason: string}} Skipped
 * @typedef {{type: string, subscription?: string, payload?: any}} Frame
 * @typedef {{state: string, transport: string, shared: boolean, message: string}} Status  state is one of `connecting`,
 *   `live`, `reconnecting`, `offline`, `signed-out`, `refused`, `stopped`; transport of `websocket`, `sse`, `polling`, ``.
 * @typedef {{ws: URL, api: URL, filters: Object<string, string[]>, limit: number, state: boolean,
 *   token: () => Promise<string>}} Options
 */
(() => {
  'use strict';

  const script = /** @type {?HTMLScriptElement} */ (document.currentScript);
  const ROOT = new URL('..', script?.src || document.baseURI);
  const FIRST_WAIT = 500, LAST_WAIT = 20_000; // ms between attempts, before jitter
  const OPEN_WAIT = 8_000; // ms for a first frame on a transport
  const ANSWER_WAIT = 2_500; // ms for a sign of life when somebody looks again
  const STOP = { 4000: 'refused', 4001: 'signed-out', 4003: 'refused', 4008: 'refused' };
  const WORDS = {
    connecting: 'Connecting', live: 'Live', reconnecting: 'Reconnecting', offline: 'Offline', 'signed-out': 'Signed out',
    refused: 'Refused', stopped: 'Stopped', websocket: 'WebSocket', sse: 'event stream', polling: 'polling', '': '',
  };

  const seqOf = (cursor) => Number(cursor.slice(cursor.lastIndexOf(':') + 1));
  const epochOf = (cursor) => cursor.slice(0, cursor.lastIndexOf(':'));
  const sleep = (ms, signal) => new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', () => (clearTimeout(timer), done()), { once: true });
  });

  /** Make an element. Attributes starting with `on` are listeners; strings become text, never markup. */
  const h = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) element.setAttribute(name, value === true ? '' : value);
    }
    element.append(...children.filter((child) => child != null));
    return element;
  };

  /** How far one view of the log has got. */
  class Position {
    cursor = '';
    seq = -1;

    /** Move to what a frame settles. True: the frame is new; false: seen before; null: something before it is missing. */
    take({ type, payload: p }) {
      const end = p?.cursor ?? p?.to;
      if (type === 'subscribed') {
        if (!this.cursor || epochOf(p.from) !== epochOf(this.cursor)) this.move(p.from);
        return true;
      }
      if (!end) return true;
      if (this.cursor && epochOf(end) === epochOf(this.cursor)) {
        if (seqOf(end) <= this.seq) return false;
        if (p.prev > this.seq) return null;
      }
      this.move(end);
      return true;
    }

    move(cursor) {
      this.cursor = cursor;
      this.seq = seqOf(cursor);
    }
  }

  /** One connection to the server: WebSocket, else SSE, else polling. Hands on each frame once and in order. */
  class Link {
    position = new Position();
    #mode = 'websocket';
    #over = new AbortController(); // ends everything
    #turn = new AbortController(); // ends the attempt or the wait under way
    #again = 0; // until when WebSocket is not tried after it failed, ms since 1970
    #heard = 0;
    #failures = 0;
    #liveSince = 0;
    #waiting = false;
    #why = ''; // the server's words for a refusal
    #socket = /** @type {?WebSocket} */ (null);

    /** @param {Options} options @param {(frame: Frame) => void} onFrame @param {(status: Status) => void} onStatus */
    constructor(options, onFrame, onStatus) {
      Object.assign(this, { options, onFrame, onStatus });
      this.#run();
    }

    stop() {
      this.#over.abort();
      this.#turn.abort();
    }

    /** Somebody looks, or the network is back: try now, or make sure that the connection still lives. */
    nudge() {
      this.#failures = 0;
      if (this.#socket) this.#probe(ANSWER_WAIT);
      else if (this.#waiting || (this.#liveSince && Date.now() - this.#heard > 20_000)) this.#turn.abort();
    }

    /** Give the server a fresh token on the connection there is. */
    async refresh() {
      const token = await this.options.token();
      if (token && this.#socket?.readyState === 1) this.#socket.send(JSON.stringify({ action: 'refresh', token }));
      else this.#turn.abort();
    }

    async #run() {
      this.#say('connecting');
      while (!this.#over.signal.aborted) {
        this.#turn = new AbortController();
        this.#liveSince = 0;
        // `end`: a close code, or why it ended.
        const end = await { websocket: () => this.#webSocket(), sse: () => this.#sse(), polling: () => this.#poll() }[this.#mode]()
          .catch((error) => error?.stop ?? (error?.retry ? error : 'lost'));
        if (this.#over.signal.aborted) return;
        const lived = this.#liveSince && Date.now() - this.#liveSince;
        this.#failures = lived > 5_000 ? 0 : this.#failures + 1;
        this.#liveSince = 0;
        const stop = STOP[end] ?? (WORDS[end] && end);
        if (stop) return this.#say(stop);
        if (!lived || end === 4202) {
          const health = await this.#healthy(); // renews the cookie too
          if (STOP[health]) return this.#say(STOP[health]);
          if (health === true && !lived) this.#fallBack();
          else if (health === false) this.#mode = 'websocket';
        } else if (this.#mode !== 'websocket' && Date.now() > this.#again) this.#mode = 'websocket';
        const now = (end === 4201 || end === 4202 || end === 'gap' || end === 'nudged') && this.#failures < 2;
        const most = Math.min(LAST_WAIT, FIRST_WAIT * 2 ** Math.min(this.#failures, 6));
        const slow = end >= 4100 && end < 4200 ? 1_000 : (end?.retry ?? 0);
        const wait = now ? 0 : slow + Math.random() * most;
        this.#say(navigator.onLine ? 'reconnecting' : 'offline');
        this.#turn = new AbortController();
        this.#waiting = true;
        if (wait) await sleep(wait, this.#turn.signal);
        this.#waiting = false;
      }
    }

    #say(state) {
      this.onStatus({ state, transport: state === 'live' ? this.#mode : '', shared: false, message: this.#why });
    }

    #live() {
      this.#heard = Date.now();
      if (this.#liveSince) return;
      this.#liveSince = Date.now();
      this.#say('live');
    }

    #fallBack() {
      this.#mode = { websocket: this.#failures > 1 ? 'sse' : 'websocket', sse: 'polling', polling: 'polling' }[this.#mode];
      this.#again = Date.now() + 300_000;
    }

    /** Is the server there for us? True, false (not reached), or the close code that says the same as its answer. */
    async #healthy() {
      try {
        const { status } = await this.#get('api/events', { limit: 1 }, 'application/json');
        return status === 401 ? 4001 : status === 403 ? 4003 : status < 400;
      } catch {
        return false;
      }
    }

    /** @param {Frame} frame False: stop reading, something is missing. */
    #frame(frame) {
      this.#live();
      if (frame.type !== 'state') {
        const fresh = frame.subscription ? false : this.position.take(frame);
        if (!fresh) return fresh !== null;
      }
      this.onFrame(frame);
      return true;
    }

    async #get(path, query, accept, signal = AbortSignal.timeout(40_000)) {
      const url = new URL(path, this.options.api);
      for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
      for (const [name, values] of Object.entries(this.options.filters)) {
        for (const value of values) url.searchParams.append(name.replace(/s$/, ''), value);
      }
      const token = await this.options.token();
      return fetch(url, { signal, headers: { accept, ...(token && { authorization: `Bearer ${token}` }) } });
    }

    async #webSocket() {
      const { ws, filters, limit, state } = this.options;
      const token = await this.options.token();
      return new Promise((done) => {
        const socket = new WebSocket(ws, token ? ['activity-feed.v1', `bearer.${token}`] : []);
        let beat = 0;
        const end = (reason) => {
          clearInterval(beat);
          clearTimeout(open);
          this.#socket = socket.onmessage = socket.onclose = null;
          socket.close();
          done(reason);
        };
        const open = setTimeout(() => end('lost'), OPEN_WAIT);
        const subscribe = () => socket.send(JSON.stringify({
          action: 'subscribe', channel: 'events', ...filters,
          ...(this.position.cursor ? { since: this.position.cursor } : { replay: Math.min(limit, 100) }),
        }));
        this.#turn.signal.addEventListener('abort', () => end('nudged'));
        socket.onclose = ({ code }) => end(code);
        socket.onopen = () => {
          subscribe();
          if (state) socket.send('{"action":"subscribe","channel":"state","id":"state"}');
        };
        socket.onmessage = ({ data }) => {
          const frame = JSON.parse(data);
          if (frame.type === 'hello') {
            clearTimeout(open);
            this.#socket = socket;
            beat = setInterval(() => this.#probe(10_000), frame.payload.ping_ms);
          } else if (frame.type === 'error') {
            if (frame.subscription) return;
            if (/_cursor$/.test(frame.payload.code)) {
              this.#forget();
              return subscribe();
            }
            this.#why = frame.payload.message;
            return end('refused');
          }
          if (!this.#frame(frame)) end('gap');
        };
      });
    }

    /** Our place is not one of this log: say so, and begin anew. */
    #forget() {
      this.position = new Position();
      this.onFrame({ type: 'skipped', payload: { from: null, to: null, count: null, by_type: null, reason: 'pruned' } });
    }

    /** Browsers hide the protocol's pings, so ask for a word, and give the connection up when none comes. */
    #probe(patience) {
      const { signal } = this.#turn;
      const asked = Date.now();
      this.#socket?.send('{"action":"ping"}');
      setTimeout(() => this.#heard < asked && !signal.aborted && this.#turn.abort(), patience);
    }

    async #check(response) {
      if (response.ok) return;
      if (response.status === 401) throw { stop: 4001 };
      if (response.status === 403) throw { stop: 4003 };
      if (response.status === 422) this.#forget();
      throw { retry: 1_000 * (Number(response.headers.get('retry-after')) || 1) };
    }

    async #sse() {
      const { signal } = this.#turn;
      const { cursor } = this.position;
      const since = cursor ? { since: cursor } : { replay: Math.min(this.options.limit, 100) };
      const response = await this.#get('api/events/stream', since, 'text/event-stream', signal);
      await this.#check(response);
      this.#heard = Date.now();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      // A proxy that holds the stream back is noticed by the silence: the server says something every 15 s.
      const clock = setInterval(() => Date.now() - this.#heard > 35_000 && this.#turn.abort(), 5_000);
      const open = setTimeout(() => this.#turn.abort(), OPEN_WAIT);
      const state = this.#pollState(signal);
      try {
        for (let rest = ''; ;) {
          const { value, done } = await reader.read();
          if (done) return 'lost';
          clearTimeout(open);
          this.#live();
          const messages = (rest + value).split(/\r?\n\r?\n/);
          rest = messages.pop();
          for (const message of messages) {
            let type = 'event', data = '';
            for (const line of message.split(/\r?\n/)) {
              if (line.startsWith('event:')) type = line.slice(6).trim();
              if (line.startsWith('data:')) data += line.slice(5);
            }
            if (data && !this.#frame({ type, payload: JSON.parse(data) })) return 'gap';
          }
        }
      } finally {
        clearInterval(clock);
        clearTimeout(open);
        clearInterval(state);
        reader.cancel().catch(() => {});
      }
    }

    async #poll() {
      const { signal } = this.#turn;
      const state = this.#pollState(signal);
      try {
        while (!signal.aborted) {
          const { cursor } = this.position;
          const query = cursor ? { since: cursor, wait: 25, limit: 1000 } : { limit: this.options.limit };
          const response = await this.#get('api/events', query, 'application/json', signal);
          await this.#check(response);
          const page = await response.json();
          if (signal.aborted) break;
          this.#live();
          if (page.skipped) this.#frame({ type: 'skipped', payload: page.skipped });
          for (const payload of cursor ? page.events : page.events.reverse()) this.#frame({ type: 'event', payload });
          const end = cursor ? page.cursor : (page.events.at(-1)?.cursor ?? page.head);
          this.#frame({ type: 'caught_up', payload: { cursor: end } });
          if (Date.now() > this.#again) return 'lost';
        }
        return 'nudged';
      } finally {
        clearInterval(state);
      }
    }

    /** Where no second subscription can be had, the state of the swarm is asked for. */
    #pollState(signal) {
      if (!this.options.state) return 0;
      const ask = () => this.#get('api/state', {}, 'application/json', signal).then((response) => response.ok && response.json())
        .then((payload) => payload && this.#frame({ type: 'state', payload })).catch(() => {});
      ask();
      return setInterval(ask, 3_000);
    }
  }

  /**
   * The same feed in several tabs is one connection: whoever holds the Web Lock has the `Link` and tells the others by
   * BroadcastChannel. Each tab keeps a position of its own, so a change of leader loses nothing.
   */
  class Source {
    position = new Position();
    status = /** @type {Status} */ ({ state: 'connecting', transport: '', shared: false, message: '' });
    #id = Math.random().toString(36).slice(2);
    #recent = /** @type {Frame[]} */ ([]); // for a tab that joins
    #floor = ''; // the cursor from which `recent` is complete
    #state = /** @type {?Frame} */ (null);
    #link = /** @type {?Link} */ (null);
    #channel = /** @type {?BroadcastChannel} */ (null);
    #leave = () => {};
    #alarm = 0;

    /** @param {Options} options @param {string} name the same for all who may share */
    constructor(options, name, onFrame, onStatus) {
      Object.assign(this, { options, name, onFrame, onStatus });
    }

    start() {
      if (!navigator.locks) return this.#lead(); // not a secure context
      this.#channel = new BroadcastChannel(this.name);
      this.#channel.onmessage = ({ data }) => this.#hear(data);
      this.#queue({});
      this.#call();
    }

    stop() {
      clearTimeout(this.#alarm);
      this.#leave();
      this.#link?.stop();
      this.#channel?.close();
      this.#link = this.#channel = null;
    }

    nudge() {
      if (this.#link) this.#link.nudge();
      else this.#call();
    }

    refresh() {
      this.#link?.refresh();
    }

    #queue(how) {
      const away = new AbortController();
      let release = () => away.abort();
      this.#leave = () => release();
      navigator.locks.request(this.name, how.steal ? how : { signal: away.signal }, () => new Promise((done) => {
        release = done;
        if (this.#channel) this.#lead();
        else done();
      })).catch(() => {
        if (!this.#channel || away.signal.aborted) return;
        this.#link?.stop(); // another tab took the lead, because we did not answer it
        this.#link = null;
        this.#queue({});
      });
    }

    #lead() {
      clearTimeout(this.#alarm);
      this.#link = new Link(this.options, (frame) => this.#accept(frame), (status) => this.#tell(status));
      if (this.position.cursor) this.#link.position.move(this.position.cursor);
      this.#channel?.postMessage({ lead: true });
    }

    /** Ask the leader for what we have not seen. A tab that sleeps with the lead loses it. */
    #call() {
      this.#channel?.postMessage({ hello: this.#id });
      clearTimeout(this.#alarm);
      this.#alarm = setTimeout(() => {
        if (!this.#link && this.#channel && !document.hidden) {
          this.#leave();
          this.#queue({ steal: true });
        }
      }, ANSWER_WAIT);
    }

    #hear({ hello, to, frame, status, lead, ...all }) {
      if (hello && this.#link) {
        this.#channel.postMessage({
          to: hello, recent: this.#recent, floor: this.#floor, state: this.#state, status: this.status, cursor: this.position.cursor,
        });
        this.#link.nudge();
      }
      if (this.#link) return;
      if (lead) this.#call();
      if (to === this.#id) {
        clearTimeout(this.#alarm);
        const { cursor } = this.position;
        if (all.floor && cursor && (epochOf(cursor) !== epochOf(all.floor) || seqOf(all.floor) > this.position.seq)) {
          const same = epochOf(cursor) === epochOf(all.floor);
          this.#accept({ type: 'skipped', payload: { from: same ? cursor : null, to: all.floor, count: null, by_type: null, reason: 'slow' } });
        } else if (all.floor && !cursor) this.#start(all.floor);
        for (const old of all.recent) this.#accept(old);
        if (all.state) this.#accept(all.state);
        if (all.cursor) this.position.take({ type: 'position', payload: all });
        this.#tell({ ...status, shared: true });
      }
      if (frame) this.#accept(frame);
      else if (status && !to) this.#tell({ ...status, shared: true });
    }

    #start(cursor) {
      this.position.move(cursor);
      this.#floor = cursor;
    }

    /** @param {Frame} frame */
    #accept(frame) {
      if (frame.type === 'state') this.#state = frame;
      else {
        const p = frame.payload;
        if (p?.to === null) { // our place was not one of this log
          this.position = new Position();
          this.#floor = '';
        }
        const fresh = this.position.take(frame);
        if (fresh === null) return this.#call();
        if (!fresh) return;
        const { cursor, seq } = this.position;
        if (cursor && epochOf(this.#floor) !== epochOf(cursor)) {
          this.#recent = [];
          this.#floor = frame.type === 'subscribed' ? cursor : `${epochOf(cursor)}:${p.prev ?? seq - 1}`;
        }
        if (frame.type === 'event' || frame.type === 'skipped') this.#recent.push(frame);
        if (this.#recent.length > this.options.limit) {
          const { payload } = this.#recent.shift();
          this.#floor = payload.cursor ?? payload.to ?? this.#floor;
        }
      }
      if (this.#link) this.#channel?.postMessage({ frame });
      this.onFrame(frame);
    }

    #tell(status) {
      this.status = status;
      if (this.#link) this.#channel?.postMessage({ status });
      this.onStatus(status);
    }
  }

  const CSS = `
    :host { display: block; contain: content; font: 14px/1.4 var(--af-font, system-ui, sans-serif); color: var(--fg);
      --fg: var(--af-fg, light-dark(#18181b, #ededef)); --muted: var(--af-muted, light-dark(#5f6068, #a0a1ab));
      --bg: var(--af-bg, light-dark(#fff, #131418)); --line: var(--af-line, light-dark(#e6e6ea, #26272e));
      --hover: var(--af-hover, light-dark(#f5f5f7, #1b1c22)); --accent: var(--af-accent, light-dark(#3b5bdb, #8da2fb));
      --task: var(--af-task, light-dark(#2f6fde, #6ea8fe)); --agent: var(--af-agent, light-dark(#14804a, #4ade80));
      --bid: var(--af-bid, light-dark(#a16207, #facc15)); --auction: var(--af-auction, light-dark(#8b3fd1, #c792ff));
      --tool: var(--af-tool, light-dark(#0e7490, #4fd1e0)); --system: var(--af-system, light-dark(#6b7280, #9ca3af));
      --error: var(--af-error, light-dark(#c62a2f, #ff7b7b)); }
    :host([hidden]), [hidden] { display: none !important; }
    * { box-sizing: border-box; }
    section { position: relative; display: flex; flex-direction: column; height: 100%; overflow: hidden; background: var(--bg);
      border: 1px solid var(--line); border-radius: var(--af-radius, 12px); }
    .auto { color-scheme: light dark; }
    header { display: flex; align-items: center; gap: 8px; padding: 12px 16px; }
    h2 { margin: 0; font-size: 12px; font-weight: 650; letter-spacing: .08em; flex: 1; }
    .status { display: flex; align-items: center; gap: 8px; color: var(--muted); font-size: 12px; white-space: nowrap; }
    .light { width: 8px; height: 8px; border-radius: 50%; background: var(--system); }
    [data-state=live] .light { background: light-dark(#e5484d, #ff5c61); animation: pulse 2s infinite; }
    [data-state=reconnecting] .light, [data-state=connecting] .light { background: light-dark(#d97706, #fbbf24); }
    [data-state=offline] .light, [data-state=signed-out] .light { background: none; border: 2px solid var(--muted); }
    @keyframes pulse { 50% { opacity: .35; } }
    button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: start; }
    :focus-visible { outline: 2px solid var(--accent); outline-offset: -2px; border-radius: 6px; }
    .tool { padding: 4px 8px; border-radius: 6px; font-size: 12px; color: var(--muted); }
    .tool:hover { background: var(--hover); color: var(--fg); }
    .chips { display: flex; gap: 6px; padding: 0 16px 12px; overflow-x: auto; scrollbar-width: none; }
    .chip { display: flex; gap: 6px; align-items: center; flex: none; padding: 3px 10px; border: 1px solid var(--line); border-radius: 99px;
      font-size: 12px; color: var(--muted); font-variant-numeric: tabular-nums; }
    .chip::before { content: ''; width: 6px; height: 6px; border-radius: 50%; background: var(--kind); }
    .chip:hover, .chip[aria-pressed=true] { background: var(--hover); color: var(--fg); }
    .chip[aria-pressed=true] { border-color: var(--kind); }
    .scroll { flex: 1; min-height: 0; max-height: var(--af-max-height, 420px); overflow-y: auto; overscroll-behavior: contain;
      border-block: 1px solid var(--line); scrollbar-width: thin; }
    .top { height: 1px; margin-bottom: -1px; }
    ol { list-style: none; margin: 0; padding: 4px 0; }
    .row { --kind: var(--system); }
    [data-kind=task] { --kind: var(--task); } [data-kind=agent] { --kind: var(--agent); } [data-kind=bid] { --kind: var(--bid); }
    [data-kind=auction] { --kind: var(--auction); } [data-kind=tool] { --kind: var(--tool); } [data-kind=system] { --kind: var(--system); }
    [data-level=error], [data-kind=error] { --kind: var(--error); } [data-level=warning] { --kind: var(--bid); }
    .line { position: relative; display: flex; gap: 10px; align-items: baseline; width: 100%; padding: var(--af-row, 7px) 16px; }
    .line::before { content: ''; position: absolute; inset-block: 4px; inset-inline-start: 0; width: 3px; border-radius: 0 3px 3px 0; background: var(--kind); opacity: .8; }
    .line:hover, .open > .line { background: var(--hover); }
    .icon { flex: none; width: 1.4em; text-align: center; }
    .text { flex: 1; min-width: 0; overflow-wrap: anywhere; unicode-bidi: isolate; display: -webkit-box; -webkit-box-orient: vertical;
      -webkit-line-clamp: 2; overflow: hidden; }
    [data-level=error] .text { color: var(--error); }
    time { flex: none; color: var(--muted); font-size: 12px; font-variant-numeric: tabular-nums; }
    .day { padding: 10px 16px 4px; color: var(--muted); font-size: 12px; font-weight: 600; }
    .gap > .line { color: var(--muted); --kind: transparent; } .gap b { color: var(--accent); font-weight: 500; }
    .gap > ol { border-inline-start: 2px solid var(--line); margin-inline-start: 24px; }
    .new { animation: in .25s ease-out; } @keyframes in { from { opacity: 0; } }
    .pill { position: absolute; inset-inline: 0; z-index: 1; margin: 8px auto 0; width: max-content; padding: 5px 14px; border-radius: 99px;
      background: var(--accent); color: var(--bg); font-weight: 550; font-size: 12px; box-shadow: 0 4px 16px #0003; }
    .note { padding: 40px 24px; text-align: center; color: var(--muted); text-wrap: balance; }
    footer { display: flex; justify-content: center; padding: 10px; }
    a { color: var(--accent); text-underline-offset: 3px; text-decoration: none; } a:hover { text-decoration: underline; }
    .details { padding: 4px 16px 14px 43px; font-size: 12.5px; background: var(--hover); overflow-wrap: anywhere; }
    dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 14px; margin: 0 0 10px; } dt { color: var(--muted); } dd { margin: 0; }
    .tree { font-family: var(--af-mono, ui-monospace, monospace); font-size: 12px; max-height: 320px; overflow: auto; }
    .tree details, .tree details + div, .tree div { padding-inline-start: 14px; } summary { cursor: pointer; margin-inline-start: -14px; }
    .key { color: var(--muted); } .actions { display: flex; gap: 4px; margin: 10px 0 0 -8px; }
    .quiet { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    @media (pointer: coarse) { .line { padding-block: 11px; } .chip, .tool { padding-block: 8px; } footer { padding: 14px; } }
    @media (prefers-reduced-motion: reduce) { *, ::before { animation: none !important; scroll-behavior: auto !important; } }
    @media (prefers-contrast: more) { :host { --muted: var(--fg); --line: var(--fg); } }
    @media (forced-colors: active) { .line::before, .chip::before, .light { forced-color-adjust: none; } }
  `;
  let sheet;

  const clock = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
  const exact = new Intl.DateTimeFormat([], { dateStyle: 'full', timeStyle: 'long' });
  const number = new Intl.NumberFormat();
  const kindOf = (type) => type.split('.', 1)[0];
  const levelOf = (type) => (/^error\.|\.(error|failed)$/.test(type) ? 'error' : /\.warning$/.test(type) ? 'warning' : null);
  const dayOf = (date) => {
    const days = Math.round((new Date().setHours(0, 0, 0, 0) - new Date(date).setHours(0, 0, 0, 0)) / 864e5);
    if (days === 0 || days === 1) return days ? 'Yesterday' : 'Today';
    return date.toLocaleDateString([], { weekday: 'long', day: 'numeric', month: 'long', year: days > 300 ? 'numeric' : undefined });
  };
  const ago = (date) => {
    const s = (Date.now() - date) / 1000;
    return s < 5 ? 'now' : s < 60 ? `${s | 0}s` : s < 3600 ? `${(s / 60) | 0}m` : s < 86_400 ? `${(s / 3600) | 0}h` : `${(s / 86_400) | 0}d`;
  };

  /** A JSON value as a tree that is built as it is opened. */
  const tree = (key, value, open = false) => {
    const name = h('span', { class: 'key' }, `${key}: `);
    if (value === null || typeof value !== 'object') return h('div', { dir: 'auto' }, name, JSON.stringify(value));
    const entries = Object.entries(value);
    const branch = h('details', { open, ontoggle: fill }, h('summary', {}, name, Array.isArray(value) ? `[${entries.length}]` : `{${entries.length}}`));
    function fill() {
      if (!branch.open || branch.children.length > 1) return;
      branch.append(...entries.slice(0, 200).map(([k, v]) => tree(k, v)));
      if (entries.length > 200) branch.append(h('div', {}, `… ${entries.length - 200} more: copy as JSON`));
    }
    if (open) fill();
    return branch;
  };

  const copy = (text) => ({ target }) => {
    const word = target.textContent;
    (navigator.clipboard?.writeText(text) ?? Promise.reject()).then(() => {
      target.textContent = 'Copied';
      setTimeout(() => (target.textContent = word), 1_500);
    }).catch(() => prompt('Copy this:', text));
  };

  /** All that there is to say of an event. @param {FeedEvent} event @param {URL} api */
  const detailsOf = (event, api) => {
    const link = (query) => String(new URL(`swarm/events?${new URLSearchParams(query)}`, api));
    const fact = (name, value, query) => (value ? [h('dt', {}, name), h('dd', { dir: 'auto' }, query ? h('a', { href: link(query) }, value) : value)] : []);
    return h('div', { class: 'details', part: 'details' },
      h('dl', {}, ...fact('Type', event.event_type, { type: event.event_type }), ...fact('Source', event.source, { source: event.source }),
        ...fact('Task', event.task_id, { task_id: event.task_id }), ...fact('Agent', event.agent_id, { agent_id: event.agent_id }),
        ...fact('Time', `${exact.format(new Date(event.timestamp))} · ${event.timestamp}`), ...fact('Id', `${event.id} · seq ${event.seq}`)),
      h('div', { class: 'tree' }, tree('data', event.data, true)),
      h('div', { class: 'actions' },
        h('button', { class: 'tool', type: 'button', onclick: copy(JSON.stringify(event, null, 2)) }, 'Copy JSON'),
        h('button', { class: 'tool', type: 'button', onclick: copy(link({ event: event.id })) }, 'Copy link')));
  };

  /**
   * The list. Fires `event` (detail: FeedEvent), `skipped` (Skipped), `status` (Status) and, with the attribute `state`,
   * `state` (the swarm now).
   */
  class ActivityFeed extends HTMLElement {
    static observedAttributes = ['src', 'types', 'sources', 'task-ids', 'agent-ids', 'limit'];
    static detailsOf = detailsOf;

    #source = /** @type {?Source} */ (null);
    #pending = /** @type {{frame: Frame}[]} */ ([]); // what the list does not show yet; at most `limit`
    #fresh = 0; // how many that are, with those that fell out of `pending`
    #counts = new Map();
    #kinds = new Set(); // the chips that are pressed
    #paused = false;
    #over = 0; // until when the pointer holds the list, ms since 1970
    #away = false; // the top of the list is out of sight
    #due = 0;
    #said = 0;
    #tick = 0;
    #token = /** @type {string | (() => string | Promise<string>)} */ ('');
    #options = /** @type {?Options} */ (null);
    #abort = new AbortController();
    #rows = new WeakMap(); // li → FeedEvent or Skipped

    constructor() {
      super();
      const root = this.attachShadow({ mode: 'open' });
      sheet ??= Object.assign(new CSSStyleSheet(), { v: 0 });
      if (!sheet.cssRules.length) sheet.replaceSync(CSS);
      root.adoptedStyleSheets = [sheet];
      const $ = this.$ = {
        light: h('span', { class: 'light', part: 'light' }),
        word: h('span', { part: 'status' }),
        pause: h('button', { class: 'tool', part: 'pause', type: 'button', 'aria-pressed': 'false', onclick: () => (this.#paused ? this.resume() : this.pause()) }, 'Pause'),
        chips: h('div', { class: 'chips', part: 'filters', role: 'group', 'aria-label': 'Show only', hidden: true }),
        pill: h('button', { class: 'pill', part: 'new', type: 'button', hidden: true, onclick: () => this.#release() }),
        top: h('div', { class: 'top' }),
        list: h('ol', { part: 'list', 'aria-label': 'Events, newest first' }),
        note: h('div', { class: 'note', part: 'note' }, 'Connecting…'),
        all: h('a', { part: 'all' }, 'Show All Events'),
        quiet: h('div', { class: 'quiet', 'aria-live': 'polite' }),
      };
      $.scroll = h('div', { class: 'scroll', part: 'scroll' }, $.top, $.list, $.note);
      $.panel = h('section', { part: 'panel', 'aria-label': 'Live activity' },
        h('header', { part: 'header' }, h('h2', { part: 'title' }, 'LIVE ACTIVITY'), $.pause, h('span', { class: 'status' }, $.word, $.light)),
        $.chips, h('div', {}, $.pill), $.scroll, h('footer', { part: 'footer' }, $.all), $.quiet);
      root.append($.panel);
      $.list.addEventListener('click', (click) => this.#click(click));
      $.list.addEventListener('keydown', (key) => this.#key(key));
      // A pointer that rests on the list does not hold it for ever: a wall has one, too.
      $.scroll.addEventListener('pointermove', ({ pointerType }) => (this.#over = pointerType === 'mouse' ? Date.now() + 30_000 : 0));
      $.scroll.addEventListener('pointerleave', () => ((this.#over = 0), this.#schedule()));
      $.scroll.addEventListener('focusout', () => this.#schedule());
      this.#watch = new IntersectionObserver(([{ isIntersecting }]) => ((this.#away = !isIntersecting), this.#schedule()));
    }
    #watch;

    /** A token for pages of another origin: a string, or a function that gives a fresh one. Without it the cookie counts. */
    get token() { return this.#token; }
    set token(token) {
      const first = !this.#token;
      this.#token = token;
      if (!this.#source) return;
      if (first || /signed-out|refused/.test(this.#source.status.state)) this.connect();
      else this.#source.refresh();
    }

    get limit() { return Math.min(Math.max(Number(this.getAttribute('limit')) || 50, 1), 500); }
    get paused() { return this.#paused; }
    get status() { return this.#source?.status; }

    connectedCallback() {
      this.$.panel.classList.toggle('auto', getComputedStyle(this).colorScheme === 'normal');
      this.#watch.observe(this.$.top);
      this.#tick = setInterval(() => this.#second(), 1_000);
      const { signal } = (this.#abort = new AbortController());
      const wake = () => !document.hidden && (this.#source?.nudge(), this.#schedule());
      addEventListener('online', wake, { signal });
      document.addEventListener('visibilitychange', wake, { signal });
      addEventListener('pageshow', ({ persisted }) => (persisted ? this.#start() : wake()), { signal });
      addEventListener('pagehide', () => this.#source?.stop(), { signal });
      this.#start();
    }

    disconnectedCallback() {
      this.#source?.stop();
      this.#abort.abort();
      this.#watch.disconnect();
      clearInterval(this.#tick);
    }

    attributeChangedCallback() {
      if (this.#options) this.connect();
    }

    /** Begin anew, with an empty list. */
    connect() {
      this.#source?.stop();
      this.#source = null;
      this.$.list.replaceChildren();
      this.$.chips.replaceChildren();
      this.#counts.clear();
      this.#pending = [];
      if (this.isConnected) this.#start();
    }

    pause() {
      this.#paused = true;
      this.$.pause.textContent = 'Resume';
      this.$.pause.setAttribute('aria-pressed', 'true');
    }

    resume() {
      this.#paused = false;
      this.$.pause.textContent = 'Pause';
      this.$.pause.setAttribute('aria-pressed', 'false');
      this.#release();
    }

    #start() {
      const ws = new URL(this.getAttribute('src') ?? 'ws', this.hasAttribute('src') ? document.baseURI : ROOT);
      const api = new URL(ws.pathname.replace(/(ws|swarm\/live)$/, ''), ws.href.replace(/^ws/, 'http'));
      ws.protocol = ws.protocol.replace('http', 'ws');
      const filters = {};
      for (const name of ['types', 'sources', 'task-ids', 'agent-ids']) {
        const values = (this.getAttribute(name) ?? '').split(',').map((value) => value.trim()).filter(Boolean);
        if (values.length) filters[name.replace('-', '_')] = values;
      }
      const token = async () => (typeof this.#token === 'function' ? this.#token() : this.#token);
      this.#options = { ws, api, filters, limit: this.limit, state: this.hasAttribute('state'), token };
      this.$.all.href = String(new URL(`swarm/events?${this.#query()}`, api));
      const name = ['activity-feed', ws, JSON.stringify(filters), this.limit, this.#options.state, this.#subject()].join(' ');
      const before = this.#source;
      this.#source = new Source(this.#options, name, (frame) => this.#frame(frame), (status) => this.#status(status));
      if (before) this.#source.position = before.position;
      this.#source.start();
    }

    /** Whose feed it is, so that tabs share with their like only. */
    #subject() {
      if (typeof this.#token === 'function') return 'function';
      try {
        const { sub, scope, types } = JSON.parse(atob(this.#token.split('.')[1].replace(/-/g, '+').replace(/_/g, '/')));
        return JSON.stringify([sub, scope, types]);
      } catch {
        return this.#token && 'opaque';
      }
    }

    #query(more = {}) {
      const query = new URLSearchParams(more);
      for (const [name, values] of Object.entries(this.#options.filters)) values.forEach((value) => query.append(name.replace(/s$/, ''), value));
      return query;
    }

    #fire(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { detail }));
    }

    #status(status) {
      this.setAttribute('status', status.state);
      this.setAttribute('transport', status.transport);
      this.$.panel.dataset.state = status.state;
      this.$.word.textContent = [WORDS[status.state], WORDS[status.transport]].filter(Boolean).join(' · ');
      this.$.word.title = status.shared ? 'One connection for all tabs' : '';
      this.#note();
      this.#fire('status', status);
    }

    #note() {
      const { state, message } = this.#source?.status ?? {};
      const empty = !this.$.list.querySelector('li:not([hidden])');
      this.$.note.hidden = !empty && !/signed-out|refused/.test(state);
      this.$.note.textContent = {
        live: this.$.list.firstChild ? 'None of these kinds among the newest.' : 'Nothing has happened yet. Events show here as they come.',
        'signed-out': 'Signed out. Sign in again to go on.',
        refused: message || 'The server refused this feed: the token does not allow it.',
        offline: 'Offline. It goes on by itself when the network is back.',
        reconnecting: 'The server is not reached. Trying again…',
      }[state] ?? 'Connecting…';
    }

    /** @param {Frame} frame */
    #frame(frame) {
      const { type, payload } = frame;
      if (type === 'state') return this.#fire('state', payload);
      if (type !== 'event' && type !== 'skipped') return;
      this.#fire(type, payload);
      if (type === 'event') this.#count(kindOf(payload.event_type), 1);
      else for (const [name, count] of Object.entries(payload.by_type ?? {})) this.#count(kindOf(name), count);
      const last = this.#pending.at(-1)?.frame;
      if (type === 'skipped' && last?.type === type && last.payload.to === payload.from && payload.from) {
        this.#pending.at(-1).frame = { type, payload: merged(last.payload, payload) };
      } else this.#pending.push({ frame });
      if (this.#pending.length > this.limit) this.#pending.shift();
      this.#fresh += type === 'event' ? 1 : payload.count ?? 0;
      this.#schedule();
    }

    #count(kind, count) {
      if (!this.#counts.has(kind)) {
        if (this.#counts.size === 16) return; // whoever makes up kinds does not fill the page
        const button = h('button', {
          class: 'chip', part: 'filter', type: 'button', 'data-kind': kind, 'aria-pressed': 'false', onclick: () => this.#choose(kind),
        }, `${kind} `, h('span'));
        this.#counts.set(kind, { count: 0, button });
        this.$.chips.append(button);
        this.$.chips.hidden = this.#counts.size < 2;
      }
      this.#counts.get(kind).count += count;
    }

    #choose(kind) {
      if (!this.#kinds.delete(kind)) this.#kinds.add(kind);
      for (const [name, { button }] of this.#counts) button.setAttribute('aria-pressed', this.#kinds.has(name));
      for (const row of this.$.list.querySelectorAll('.row[data-kind]')) row.hidden = this.#hides(row.dataset.kind);
      this.#note();
    }

    #hides(kind) {
      return this.#kinds.size > 0 && !this.#kinds.has(kind);
    }

    get #held() {
      return this.#paused || this.#away || this.#over > Date.now() || !!this.$.list.querySelector(':focus-visible, .open');
    }

    #schedule() {
      this.#due ||= requestAnimationFrame(() => {
        this.#due = 0;
        if (!this.#pending.length) return;
        const held = this.#held && this.$.list.firstChild;
        if (!held) this.#flush();
        this.$.pill.hidden = !held;
        if (held) this.$.pill.textContent = `${number.format(this.#fresh)} new event${this.#fresh === 1 ? '' : 's'}`;
      });
    }

    #release() {
      this.$.scroll.scrollTop = 0;
      this.$.panel.scrollIntoView({ block: 'nearest' });
      this.#flush();
      this.$.pill.hidden = true;
    }

    /** Show what has come, newest first, and let go of what is beyond the limit: once a frame, whatever the rate. */
    #flush() {
      const { list } = this.$;
      const rows = document.createDocumentFragment();
      let next = list.firstElementChild;
      if (next?.matches('.day')) next.remove();
      next = list.firstElementChild;
      let day = next && this.#day(next);
      for (const { frame } of this.#pending) {
        const row = frame.type === 'event' ? this.#row(frame.payload) : this.#gap(frame.payload);
        const its = this.#day(row) ?? day;
        if (day && its !== day) rows.prepend(h('li', { class: 'day', part: 'day' }, day));
        if (its) day = its;
        rows.prepend(row);
      }
      if (day && day !== 'Today') rows.prepend(h('li', { class: 'day', part: 'day' }, day));
      const all = this.#pending.length;
      this.#announce(this.#pending.at(-1)?.frame);
      this.#pending = [];
      this.#fresh = 0;
      list.prepend(rows);
      for (let over = list.childElementCount - this.limit; over > 0; over--) list.lastElementChild.remove();
      if (all) list.querySelector('.line')?.setAttribute('tabindex', '0');
      for (const { count, button } of this.#counts.values()) button.lastChild.textContent = number.format(count);
      this.#note();
    }

    #day(row) {
      const { timestamp } = this.#rows.get(row) ?? {};
      return timestamp && dayOf(new Date(timestamp));
    }

    /** @param {FeedEvent} event */
    #row(event) {
      const { event_type: type, display, timestamp } = event;
      const at = new Date(timestamp);
      const row = h('li', { class: 'row new', part: `row kind-${kindOf(type)}`, 'data-kind': kindOf(type), 'data-level': levelOf(type), hidden: this.#hides(kindOf(type)) },
        h('button', { class: 'line', type: 'button', tabindex: '-1', 'aria-expanded': 'false', title: display.text },
          h('span', { class: 'icon', part: 'icon', 'aria-hidden': 'true' }, display.icon),
          h('span', { class: 'text', part: 'text', dir: 'auto' }, display.text),
          h('time', { part: 'time', datetime: timestamp, title: exact.format(at) }, this.#time(at))));
      this.#rows.set(row, event);
      return row;
    }

    /** @param {Skipped} skipped */
    #gap(skipped) {
      const { count, reason, from, to } = skipped;
      const what = count == null ? (reason === 'pruned' ? 'Older events are no longer kept' : 'Some events were left out') : `${number.format(count)} more`;
      const row = h('li', { class: 'row gap', part: 'skipped' },
        h('button', { class: 'line', type: 'button', tabindex: '-1', 'aria-expanded': 'false', disabled: !from || !to || reason === 'pruned' },
          h('span', { class: 'icon', 'aria-hidden': 'true' }, '⋯'),
          h('span', { class: 'text' }, what, ...(from && to && reason !== 'pruned' ? [' · ', h('b', {}, 'show')] : []))));
      this.#rows.set(row, skipped);
      return row;
    }

    #time(at) {
      return this.getAttribute('time') === 'clock' ? clock.format(at) : ago(at);
    }

    #second() {
      if (document.hidden) return;
      if (this.#pending.length) this.#schedule();
      if (this.getAttribute('time') === 'clock') return;
      for (const time of this.$.list.querySelectorAll('time')) {
        const text = ago(new Date(time.dateTime));
        if (time.textContent !== text) time.textContent = text;
      }
    }

    /** Tell a screen reader, but never faster than it can speak. */
    #announce(frame) {
      if (!frame || Date.now() - this.#said < 5_000) return;
      this.#said = Date.now();
      this.$.quiet.textContent = this.#fresh > 1 ? `${this.#fresh} new events. ${frame.payload.display?.text ?? ''}` : frame.payload.display?.text ?? '';
    }

    #click({ target }) {
      const line = target.closest('.line');
      const row = line?.parentElement;
      if (!row) return;
      for (const other of this.$.list.querySelectorAll('[tabindex="0"].line')) other.tabIndex = -1;
      line.tabIndex = 0;
      const open = row.classList.toggle('open');
      line.setAttribute('aria-expanded', open);
      const of = this.#rows.get(row);
      if (!open) row.lastElementChild.remove();
      else if (of.event_type) row.append(detailsOf(of, this.#options.api));
      else this.#fill(row, of);
      this.#schedule();
    }

    #key(key) {
      const lines = [...this.$.list.querySelectorAll('.row:not([hidden]) > .line:enabled')];
      const at = lines.indexOf(key.target);
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: lines.length - 1 }[key.key];
      if (at < 0 || to === undefined) return;
      key.preventDefault();
      const line = lines[Math.min(Math.max(to, 0), lines.length - 1)];
      key.target.tabIndex = -1;
      line.tabIndex = 0;
      line.focus();
    }

    /** Show the events that a `skipped` left out, below its line. */
    async #fill(row, { from, to }) {
      const below = h('ol', {}, h('li', { class: 'day' }, 'Loading…'));
      row.append(below);
      const { api, token } = this.#options;
      try {
        const bearer = await token();
        const response = await fetch(new URL(`api/events?${this.#query({ since: from, until: to, order: 'desc', limit: 100 })}`, api),
          { headers: bearer ? { authorization: `Bearer ${bearer}` } : {} });
        if (!response.ok) throw response;
        const { events, more } = await response.json();
        below.replaceChildren(...events.map((event) => this.#row(event)));
        if (more) below.append(h('li', { class: 'day' }, h('a', { href: String(new URL(`swarm/events?${this.#query({ since: from, until: to })}`, api)) }, 'All of them in the log')));
        if (!events.length) below.append(h('li', { class: 'day' }, 'They are no longer kept.'));
      } catch {
        below.replaceChildren(h('li', { class: 'day' }, 'They could not be read. Close and open the line to try again.'));
      }
    }
  }

  /** Two reports, the second right after the first, as one. */
  const merged = (a, b) => {
    const by_type = { ...a.by_type };
    for (const [type, count] of Object.entries(b.by_type ?? {})) by_type[type] = (by_type[type] ?? 0) + count;
    return { ...b, prev: a.prev, from: a.from, count: a.count == null || b.count == null ? null : a.count + b.count, by_type };
  };

  customElements.define('activity-feed', ActivityFeed);
})();
