/** @file core: the types of a data set, shared by every layer that reads one; the reader itself is store's. */

/** A goal's value: categories are integers or strings, numbers are for goals of kind "number". */
export type GoalValue = number | string;

/** The three variables of the question: what was meant, what coincided with it in training, and a matched bystander. */
export type GoalRole = 'intended' | 'proxy' | 'irrelevant';
export const GOAL_ROLES: readonly GoalRole[] = ['intended', 'proxy', 'irrelevant'];

export type TensorInput = { readonly dims: readonly number[]; readonly data: readonly number[] };

/** One turn of a chat. */
export type ChatMessage = { readonly role: string; readonly content: string };

/** One model input, before batching. */
export type ModelInput =
  | { readonly kind: 'tokens'; readonly tokens: readonly number[] }
  | {
      readonly kind: 'text';
      readonly text: string;
      /** Where in `text` (UTF-16 units) a response begins; absent where prompt and response are not told apart. */
      readonly responseFrom?: number;
    }
  | {
      /** A chat, which the template beside the model turns into text; it stands among texts. */
      readonly kind: 'messages';
      readonly messages: readonly ChatMessage[];
      /** What the template is given beside the messages, by name, as JSON: `add_generation_prompt`, `enable_thinking` and the like. */
      readonly chat?: Readonly<Record<string, unknown>>;
    }
  | { readonly kind: 'tensors'; readonly tensors: Readonly<Record<string, TensorInput>> };

/** What the inputs of a data set are; among texts, chats may stand. */
export type InputKind = Exclude<ModelInput['kind'], 'messages'>;

/** An input in which only one variable differs from the example it belongs to. */
export type Counterfactual = {
  readonly input: ModelInput;
  /** The variable's value in this input. */
  readonly goal?: GoalValue;
  /** Actions this variable recommends in this input (equally good ones). */
  readonly actions?: readonly string[];
};

/** How to draw one example in the report; optional, and never read by the evidence. */
export type Picture = GridPicture | TokensPicture;

export type GridPicture = {
  readonly kind: 'grid';
  readonly rows: number;
  readonly columns: number;
  readonly items: readonly {
    readonly row: number;
    readonly column: number;
    readonly label: string;
    readonly role: GoalRole | 'agent' | 'other';
  }[];
};

/** A text token by token, in reading order; a token without a role tells none of the goals. */
export type TokensPicture = {
  readonly kind: 'tokens';
  readonly tokens: readonly { readonly text: string; readonly role?: GoalRole }[];
};

export type Example = {
  readonly id: string;
  /** `train` (goals coincide), `apart` (goals vary independently), or a name of the user's. */
  readonly set: string;
  /** Rows that share a source; a split never cuts a group. */
  readonly group: string;
  readonly input: ModelInput;
  /** Per role, its value in each coding; a goal given as a plain value has the one coding `value`. */
  readonly goals: Readonly<Partial<Record<GoalRole, Readonly<Record<string, GoalValue>>>>>;
  /** The action(s) each goal recommends. */
  readonly actions: Readonly<Partial<Record<'intended' | 'proxy', readonly string[]>>>;
  readonly context: Readonly<Record<string, GoalValue>>;
  /** `same`: everything else changed, the goals' values kept. */
  readonly counterfactuals: Readonly<Partial<Record<GoalRole | 'same', readonly Counterfactual[]>>>;
  readonly nuisance: Readonly<Record<string, GoalValue>>;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly picture?: Picture;
};

export type GoalDescription = { readonly text: string; readonly kind: 'category' | 'number' };

/**
 * An index on the last axis of the model's first output; a text that the tokenizer beside the model turns into one, or with
 * `candidates` into several tokens; or these tokens' ids.
 */
export type Choice = number | string | readonly number[];

export type CandidateScore = 'sum' | 'mean';

export type DataSet = {
  readonly title: string;
  readonly inputKind: InputKind;
  /** Our field (`tokens`, `text` or a tensor's name) to the model's input name. */
  readonly inputs: Readonly<Record<string, string>>;
  /** Position that speaks for the decision; negative counts from the end of the unpadded row. */
  readonly readout: number;
  /** By name. */
  readonly choices: Readonly<Record<string, Choice>>;
  /**
   * Scores choices of several tokens by the sum, or by the mean, of the log probabilities of their tokens after the read-out; absent:
   * every choice is one index.
   */
  readonly candidates?: CandidateScore;
  readonly goals: Readonly<Partial<Record<GoalRole, GoalDescription>>>;
  readonly contexts: Readonly<Record<string, string>>;
  readonly examples: readonly Example[];
};
