/**
 * Shows the server's OpenAPI and AsyncAPI documents. All of it becomes text nodes, never markup, and the two documents
 * are the only source: what is not in them is not shown.
 */
import { byId, h } from './common.js';

const root = new URL('..', import.meta.url);
const message = byId('message');

const load = async (name) => {
  const answer = await fetch(new URL(name, root));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.json();
};

/** A text whose parts between backticks are code. */
const prose = (text) => text.split('`').map((part, at) => (at % 2 ? h('code', {}, part) : part));

/** Follow `$ref` within a document. */
const follow = (document, value) => {
  let found = value;
  while (found && found.$ref) {
    found = found.$ref.slice(2).split('/').reduce((at, key) => at?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document);
  }
  return found ?? {};
};

const nameOf = (value) => value?.$ref?.split('/').at(-1);

/** A schema's kind in a word or two. */
const kind = (document, value) => {
  const schema = follow(document, value);
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  if (schema.oneOf) return schema.oneOf.map((one) => kind(document, one)).join(' or ');
  if (schema.type === 'array') return `list of ${kind(document, schema.items ?? {})}`;
  return nameOf(value) ?? [schema.type ?? 'anything'].flat().join(' or ');
};

/** A schema's limits, as they are written. */
const limits = (schema) => ['minLength', 'maxLength', 'minimum', 'maximum', 'maxItems', 'pattern', 'default']
  .filter((key) => schema[key] !== undefined && typeof schema[key] !== 'object')
  .map((key) => `${key} ${schema[key]}`).join(', ');

const table = (rows) => h('table', { class: 'fields' }, h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map((cell) => h('td', {}, typeof cell === 'string' ? prose(cell) : cell))))));

const fields = (document, value) => {
  const schema = follow(document, value);
  const required = new Set(schema.required ?? []);
  return table(Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const target = follow(document, field);
    const said = [required.has(name) ? '' : 'Optional.', field.description ?? target.description, limits(target)].filter(Boolean).join(' ');
    return [h('code', {}, name), kind(document, field), said];
  }));
};

const sample = (value) => h('pre', { tabindex: '0' }, h('code', {}, typeof value === 'string' ? value : JSON.stringify(value, null, 2)));

const entry = (id, title, ...rest) => h('article', { class: 'entry', id }, title, ...rest);

const operation = (document, path, verb, one) => {
  const parameters = (one.parameters ?? []).map((parameter) => follow(document, parameter));
  const contents = Object.entries(one.requestBody?.content ?? {});
  const scopes = (one.security ?? []).flatMap((way) => Object.values(way).flat());
  return entry(one.operationId,
    h('h3', {}, h('span', { class: 'verb' }, verb), h('code', {}, path), one.summary),
    one.description && h('p', {}, prose(one.description)),
    scopes.length > 0 && h('p', { class: 'quiet' }, `Scope: ${[...new Set(scopes)].join(', ')}`),
    parameters.length > 0 && [h('h4', {}, 'Parameters'), table(parameters.map((parameter) => [h('code', {}, parameter.name), kind(document, parameter.schema), `${parameter.description ?? ''} ${limits(parameter.schema)}`.trim()]))],
    contents.length > 0 && [h('h4', {}, 'Body'), table(contents.map(([type, body]) => [h('code', {}, type), kind(document, body.schema), body.schema.description ?? '']))],
    contents.filter(([, body]) => body.example).map(([, body]) => sample(body.example)),
    h('h4', {}, 'Answers'),
    table(Object.entries(one.responses).map(([status, answer]) => {
      const { description, content } = follow(document, answer);
      const [body] = Object.values(content ?? {});
      return [status, body ? kind(document, body.schema) : '', description];
    })));
};

const http = (document) => {
  const made = [h('h2', { id: 'http' }, 'HTTP')];
  for (const [path, verbs] of Object.entries(document.paths)) {
    for (const [verb, one] of Object.entries(verbs)) made.push(operation(document, path, verb, one));
  }
  made.push(h('h2', { id: 'objects' }, 'Objects'));
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    made.push(entry(`schema-${name}`, h('h3', {}, name), schema.description && h('p', {}, prose(schema.description)), fields(document, schema)));
  }
  return made;
};

const socket = (document) => {
  const made = [h('h2', { id: 'websocket' }, 'WebSocket'), h('p', {}, prose(document.info.description))];
  for (const one of Object.values(document.operations)) {
    made.push(h('h2', {}, one.summary));
    for (const reference of one.messages) {
      const { name, summary, payload, examples } = follow(document, follow(document, reference));
      made.push(entry(`message-${name}`, h('h3', {}, h('code', {}, name), h('span', {}, prose(summary))), fields(document, payload),
        payload.properties?.payload && !payload.properties.payload.$ref && [h('h4', {}, 'payload'), fields(document, payload.properties.payload)],
        (examples ?? []).map((example) => sample(example.payload))));
    }
  }
  return made;
};

const contents = (elements) => elements.filter((element) => element.id).map((element) => {
  const [verb, name] = ['h3 .verb', 'h3 code'].map((part) => element.querySelector(part)?.textContent);
  const text = name ?? element.querySelector('h3')?.textContent ?? element.textContent;
  const link = h('a', { href: `#${element.id}` }, verb && h('span', { class: 'small-verb' }, verb), text);
  return element.tagName === 'H2' ? h('b', {}, link) : link;
});

try {
  const [openapi, asyncapi] = await Promise.all(['openapi.json', 'asyncapi.json'].map(load));
  const elements = [...http(openapi), ...socket(asyncapi)];
  byId('reference').append(...elements);
  byId('contents').append(...contents(elements));
  message.remove();
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
} catch (error) {
  message.textContent = `The documents could not be loaded: ${error.message}`;
}
