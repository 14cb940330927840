/**
 * What both pages share: where the server is, the session, the sign-in view, and how times and numbers read. A token is
 * taken out of the address before anything else is done, and is kept nowhere.
 */

/** The server's root, whatever its base path. */
export const root = new URL('..', import.meta.url);

// A page's first use of `Intl` takes 10 ms: none until it is needed.
let exact = null;
export const count = (value) => `${value ?? 0}`.replace(/\B(?<!\.\d*)(?=(\d{3})+$)/g, ',');
export const timeOf = (date) => new Date(date).toTimeString().slice(0, 8);
export const exactly = (date) => (exact ??= new Intl.DateTimeFormat([], { dateStyle: 'full', timeStyle: 'long' })).format(new Date(date));
export const kindOf = (type) => type.split('.', 1)[0];
export const isError = (type) => /^error\.|\.(error|failed)$/.test(type);
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** A span of time in its two largest units. */
export const span = (ms) => {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min${s < 600 && s % 60 ? ` ${s % 60} s` : ''}`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
};
export const ago = (date) => {
  const ms = Date.now() - new Date(date).getTime();
  return ms < 5_000 ? 'just now' : `${span(ms - (ms > 60_000 ? ms % 60_000 : 0))} ago`;
};

/** Make an element; attributes starting with `on` are listeners, and strings become text, never markup. */
export const h = (tag, attributes = {}, ...children) => {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
};

/** Make `list` show `items`. The elements of those that stay are not so much as moved: focus and selection stay with them. */
export const keyed = (list, items, keyOf, make, update, empty) => {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const elements = items.map((item) => {
    const key = String(keyOf(item));
    const element = old.get(key) ?? make(item);
    element.dataset.key = key;
    update(element, item);
    return element;
  });
  if (!elements.length) elements.push(old.get('') ?? h('li', { class: 'hollow', 'data-key': '' }, empty));
  const stays = new Set(elements);
  for (const child of [...list.children]) if (!stays.has(child)) child.remove();
  let at = list.firstElementChild;
  for (const element of elements) {
    if (element === at) at = at.nextElementSibling;
    else list.insertBefore(element, at);
  }
};

/** In the text node there is: a new one for each second's time would have to be collected. */
export const setText = (element, text) => {
  if (!(element.firstChild instanceof Text) || element.childNodes.length > 1) element.replaceChildren(text);
  else if (element.firstChild.data !== text) element.firstChild.data = text;
};

/** The server said no, in its own words. */
export class Refused extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/** Ask the API. @throws {Refused} */
export async function ask(path, query = {}, init = {}) {
  const url = new URL(path, root);
  for (const [name, value] of query instanceof URLSearchParams ? query : Object.entries(query)) url.searchParams.append(name, String(value));
  const response = await fetch(url, { ...init, signal: init.signal ?? AbortSignal.timeout(40_000) });
  const body = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new Refused(response.status, body?.detail ?? body?.title ?? `The server answered ${response.status}.`);
  return body;
}

const trade = (token) => ask('api/session', {}, { method: 'POST', headers: { authorization: `Bearer ${token}` } });

/** Wait until there is a session: by the link's token, by the cookie, or by the sign-in view. */
export async function session() {
  const token = new URLSearchParams(location.hash.slice(1)).get('token');
  let problem = '';
  if (token) {
    history.replaceState(null, '', location.pathname + location.search);
    try {
      await trade(token);
    } catch (error) {
      problem = error.status === 401 ? 'The token of this link is not valid any more.' : error.message;
    }
  }
  for (let wait = 500; ; wait = Math.min(wait * 2, 15_000)) {
    try {
      await ask('api/events', { limit: 1 });
      break;
    } catch (error) {
      if (error.status === 401 || error.status === 403) {
        await signIn(problem || (error.status === 403 ? error.message : ''));
        break;
      }
      await new Promise((done) => setTimeout(done, wait)); // the server is away: the page says so, and waits
    }
  }
  const out = byId('sign-out');
  out.hidden = false;
  out.onclick = async () => {
    await ask('api/session', {}, { method: 'DELETE' }).catch(() => {});
    location.reload();
  };
}

/** Show the sign-in view until a token is accepted. */
export function signIn(problem = '') {
  document.querySelector('.sign-in')?.remove();
  return new Promise((done) => {
    const input = h('input', { type: 'password', name: 'token', id: 'token', required: true, autocomplete: 'current-password', spellcheck: 'false', placeholder: 'eyJ…', 'aria-describedby': 'token-problem' });
    const error = h('p', { class: 'problem', id: 'token-problem', role: 'alert' }, problem);
    const submit = h('button', { class: 'primary' }, 'Sign in');
    const form = h('form', {
      onsubmit: async (event) => {
        event.preventDefault();
        submit.disabled = true;
        try {
          await trade(input.value.trim().replace(/^.*#token=/, ''));
          view.remove();
          document.body.classList.remove('locked');
          done();
        } catch (refusal) {
          error.textContent = refusal.status === 401 ? 'This token is not valid, or its time is over.' : refusal.message;
          input.focus();
        }
        submit.disabled = false;
      },
    },
    h('img', { src: new URL('assets/icon.svg', root), alt: '', width: 40, height: 40 }),
    h('h1', {}, 'Sign in'),
    h('p', { class: 'quiet' }, 'Open the link that the server printed when it started, or paste a token.'),
    h('label', { for: 'token' }, 'Token'), input, error, submit,
    h('p', { class: 'quiet small' }, 'A new link: ', h('code', {}, 'activity-feed token --scope subscribe --link')));
    const view = h('div', { class: 'sign-in', role: 'dialog', 'aria-modal': 'true', 'aria-label': 'Sign in' }, form);
    document.body.classList.add('locked');
    document.body.append(view);
    input.focus();
  });
}
