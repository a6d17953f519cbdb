/** @file model: reads the tokenizer file beside a model, which is untrusted, and turns text into token ids; knows no data set. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as LibraryTokenizer } from '@huggingface/tokenizers';
import { MesascopeError } from '../core/errors.ts';
import { type Sha256, sha256 } from '../core/hash.ts';
import { type ChatTemplate, openChatTemplate, templateFile } from './chat-template.ts';
import { limited, MOST_MS, TEXTS_AT_A_TIME } from './limited.ts';
import { foldersBeside } from './model-config.ts';
import { type PieceSpelling, spellingOf } from './piece-spelling.ts';
import { asLibrarySplits } from './pre-tokenizer.ts';

export const TOKENIZER_FILE = 'tokenizer.json';
const CONFIG_FILE = 'tokenizer_config.json';

/** One text in tokens. */
export type TokenizedText = {
  /** Ids in reading order, special tokens included; an id that the tokenizer could not give is -1. */
  readonly ids: readonly number[];
  /** The piece that each id stands for, as the vocabulary spells it. */
  readonly pieces: readonly string[];
};

export type TextTokenizer = {
  /** Path of the tokenizer file. */
  readonly path: string;
  /** Of the tokenizer's files: text and model alone do not say what the model was fed. */
  readonly sha256: Sha256;
  /** Id of the word that stands for every unknown one, if there is one. */
  readonly unknownId: number | undefined;
  /** Of the token that ends a text, where the configuration names one. */
  readonly endId: number | undefined;
  /** Ids of tokens that the file marks as special: they frame texts and stand for none of their own. */
  readonly specialIds: ReadonlySet<number>;
  /** How pieces spell what they stand for. */
  readonly spelling: PieceSpelling;
  /**
   * Each text on its own, with the special tokens that the file's post-processor adds, once per text; nothing is padded and nothing is cut.
   * Throws `TOKENIZER_INVALID`, with `facts.row` where one text is to blame.
   */
  encode(texts: readonly string[]): TokenizedText[];
  /** The same without the special tokens of the post-processor. */
  encodePlain(texts: readonly string[]): TokenizedText[];
  /**
   * The template that turns messages into text, read when first asked for. Throws `CHAT_TEMPLATE_MISSING`, `CHAT_TEMPLATE_INVALID`.
   */
  chatTemplate(): ChatTemplate;
  /** What the vocabulary spells for an id; the id itself in angle brackets where it has none. */
  pieceOf(id: number): string;
  /** The text that ids stand for, special tokens spelled out. Throws `TOKENIZER_INVALID`. */
  decode(ids: readonly number[]): string;
};

/** Vocabularies of a quarter million pieces with their merges take some 35 MB. */
const MOST_BYTES = 128 * 2 ** 20;

type Loose = Readonly<Record<string, unknown>>;
type Place = { readonly path: string; readonly mostMs: number };

/**
 * Opens the tokenizer in the folder of a model file (`beside` is any path in it), or in the one above where that is called `onnx`. `mostMs` limits reading it, and each 64 texts (20 s).
 *
 * Throws `TOKENIZER_MISSING` when there is none, `TOKENIZER_INVALID` when it cannot be read or built, or takes too long.
 */
export function openTokenizer(
  beside: string | undefined,
  { mostMs = MOST_MS }: { readonly mostMs?: number } = {},
): TextTokenizer {
  const folders = beside === undefined ? [] : foldersBeside(beside);
  const isThere = (place: string): boolean =>
    statSync(join(place, TOKENIZER_FILE), { throwIfNoEntry: false })?.isFile() === true;
  const folder = folders.find(isThere) ?? folders[0];
  const path = folder === undefined ? undefined : join(folder, TOKENIZER_FILE);
  if (path === undefined || statSync(path, { throwIfNoEntry: false })?.isFile() !== true) {
    const seen =
      path === undefined
        ? 'a model given as bytes has no folder to look for a tokenizer in'
        : `there is no file ${folders.map((place) => join(place, TOKENIZER_FILE)).join(' and no file ')}`;
    throw new MesascopeError(
      'TOKENIZER_MISSING',
      `the data hold text, and no tokenizer lies beside the model: ${seen}`,
      {
        facts: { looked: path },
      },
    );
  }
  const description = readJson(path);
  const configPath = join(folder!, CONFIG_FILE);
  const hasConfig = statSync(configPath, { throwIfNoEntry: false })?.isFile() === true;
  const config = hasConfig ? readJson(configPath) : undefined;
  const model = mustDescribe(description.value, path);
  const settings = settingsOf(model, config?.value);
  const tokenizer = within(
    { path, mostMs },
    () =>
      new LibraryTokenizer(
        {
          added_tokens: [],
          normalizer: null,
          pre_tokenizer: null,
          post_processor: null,
          decoder: null,
          ...description.value,
          ...splitting(description.value),
        },
        settings,
      ),
  );
  const place = { path, mostMs };
  const template = templateFile(beside);
  let chatTemplate: ChatTemplate | undefined;
  const idOf = (token: unknown): number | undefined => {
    const id = typeof token === 'string' ? tokenizer.token_to_id(token) : undefined;
    return isId(id) ? id : undefined;
  };
  return {
    path,
    sha256: sha256(
      description.text,
      '\n',
      config?.text ?? '',
      // A template of the configuration is hashed with it.
      template?.text === undefined || template.path === configPath ? '' : `\n${template.text}`,
    ),
    unknownId: unknownOf(model, settings, idOf),
    endId: idOf(settings.eos_token),
    specialIds: specialIds(description.value),
    spelling: spellingOf(description.value, model),
    encode: (texts) => encodeAll(tokenizer, place, { texts, framed: true }),
    encodePlain: (texts) => encodeAll(tokenizer, place, { texts, framed: false }),
    chatTemplate() {
      chatTemplate ??= openChatTemplate(template, {
        mostMs,
        looked: folder!,
        specialTokens: specialTokens(config?.value),
      });
      return chatTemplate;
    },
    pieceOf: (id) => String(tokenizer.id_to_token(id) ?? `<${id}>`),
    decode: (ids) =>
      ids.length === 0
        ? ''
        : within(place, () =>
            tokenizer.decode([...ids], { skip_special_tokens: false, clean_up_tokenization_spaces: false }),
          ),
  };
}

function encodeAll(
  tokenizer: LibraryTokenizer,
  place: Place,
  { texts, framed }: { readonly texts: readonly string[]; readonly framed: boolean },
): TokenizedText[] {
  const encoded: TokenizedText[] = [];
  for (let from = 0; from < texts.length; from += TEXTS_AT_A_TIME) {
    const part = texts.slice(from, from + TEXTS_AT_A_TIME);
    within(
      place,
      () => {
        for (const text of part) {
          const { ids, tokens } = tokenizer.encode(text, { add_special_tokens: framed });
          encoded.push({
            ids: ids.map((id: unknown) => (isId(id) ? id : -1)),
            pieces: ids.map((id: unknown, at: number) =>
              String((isId(id) ? tokenizer.id_to_token(id) : undefined) ?? tokens[at]),
            ),
          });
        }
      },
      () => encoded.length,
    );
  }
  return encoded;
}

function isId(id: unknown): id is number {
  return typeof id === 'number' && Number.isSafeInteger(id) && id >= 0;
}

function readJson(path: string): { readonly text: string; readonly value: Loose } {
  const invalid = invalidAt(path);
  const bytes = statSync(path).size;
  if (bytes > MOST_BYTES) throw invalid(`has ${bytes} bytes, and at most ${MOST_BYTES} are read`);
  let text: string;
  let value: unknown;
  try {
    text = readFileSync(path, 'utf8');
    value = JSON.parse(text);
  } catch (cause) {
    throw invalid(`cannot be read as JSON: ${(cause as Error).message}`, cause);
  }
  if (!isObject(value)) throw invalid('is not a JSON object');
  return { text, value };
}

/** What the library takes for granted; everything else it checks, or fails on, itself. */
function mustDescribe(description: Loose, path: string): Loose {
  const invalid = invalidAt(path);
  const { model, added_tokens: added } = description;
  if (!isObject(model)) throw invalid('has no `model`: it is not a tokenizer');
  if (typeof model.vocab !== 'object' || model.vocab === null) throw invalid('has no `model.vocab`');
  const goodToken = (token: unknown): boolean =>
    isObject(token) && typeof token.content === 'string' && isId(token.id);
  if (added !== undefined && !(Array.isArray(added) && added.every(goodToken))) {
    throw invalid('has `added_tokens` that are no list of tokens with `id` and `content`');
  }
  const whole = (added as readonly Loose[] | undefined)?.find((token) => token.single_word === true);
  // The library would find it within words too.
  if (whole !== undefined)
    throw invalid(
      `has the added token ${JSON.stringify(whole.content)} that is one only as a whole word (\`single_word\`), which is not known here`,
    );
  return model;
}

/** The pre-tokenizer as the library has to be told of it. Throws an `Error` for one that it cannot be told of. */
function splitting({ pre_tokenizer: described }: Loose): { readonly pre_tokenizer?: unknown } {
  return described === undefined ? {} : { pre_tokenizer: asLibrarySplits(described) };
}

/** Kinds of tokenizers that know words by their pieces. */
const OF_PIECES: ReadonlySet<unknown> = new Set(['BPE', 'WordPiece', 'Unigram']);

/**
 * What unknown words become. Only lists of whole words look for it in the configuration; the one that stands there of another kind is
 * often the token that ends a text, and no word becomes it.
 */
function unknownOf(
  model: Loose,
  settings: Loose,
  idOf: (token: unknown) => number | undefined,
): number | undefined {
  if (typeof model.unk_token === 'string') return idOf(model.unk_token);
  // Unigrams name no word, but its place in their list.
  if (isId(model.unk_id)) return model.unk_id;
  const pieces = OF_PIECES.has(model.type) || Array.isArray(model.vocab);
  return pieces ? undefined : idOf(settings.unk_token);
}

function specialIds({ added_tokens: added }: Loose): ReadonlySet<number> {
  const tokens = Array.isArray(added) ? (added as readonly Loose[]) : [];
  return new Set(tokens.flatMap(({ id, special }) => (special === true && isId(id) ? [id] : [])));
}

/** Settings that stand in the configuration alone; names of special tokens may be written there as objects. */
function settingsOf(model: Loose, config: Loose = {}): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(config)) {
    settings[name] = name.endsWith('_token') && isObject(value) ? value.content : value;
  }
  // The tokenizer's own word for unknown ones comes first, as it does in Python; the library reads it from here for lists of whole words.
  if (typeof model.unk_token === 'string') settings.unk_token = model.unk_token;
  return settings;
}

/** Those that the configuration names, as chat templates know them: `bos_token`, `eos_token` and so on. */
function specialTokens(config: Loose = {}): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(settingsOf({}, config)).flatMap(([name, value]) =>
      name.endsWith('_token') && typeof value === 'string' ? [[name, value]] : [],
    ),
  );
}

/** Whatever goes wrong in the library, or takes too long, is a fault of the file. */
function within<T>({ path, mostMs }: Place, work: () => T, row?: () => number): T {
  return limited(mostMs, work, (cause, tooLong) =>
    invalidAt(path)(
      tooLong
        ? `takes more than ${mostMs / 1000} s for ${row === undefined ? 'being read' : `${TEXTS_AT_A_TIME} texts`}`
        : `cannot be used: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
      row === undefined ? {} : { row: row() },
    ),
  );
}

function invalidAt(path: string): (seen: string, cause?: unknown, facts?: Loose) => MesascopeError {
  return (seen, cause, facts = {}) =>
    new MesascopeError('TOKENIZER_INVALID', `the tokenizer file ${seen}`, {
      location: { file: path },
      facts,
      ...(cause === undefined ? {} : { cause }),
    });
}

function isObject(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
