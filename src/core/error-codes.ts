/** @file core: the one table of error codes; messages, `mesascope explain` and the tests all read it. */

import type { ErrorCode } from './error-code-names.ts';
import { type ErrorEntry, entry } from './error-entry.ts';

export type { ErrorCode } from './error-code-names.ts';
export type { ErrorEntry, FailureExitCode } from './error-entry.ts';

/** One section per layer, in layer order. */
export const ERROR_CODES: Readonly<Record<ErrorCode, ErrorEntry>> = {
  // core
  INTERNAL: entry(
    1,
    'Something happened that the tool itself should have prevented.',
    'Please report it with the command and the message.',
  ),
  ABORTED: entry(
    130,
    'The run was interrupted. Finished batches are on disk.',
    'Run the same command again: it goes on where it stopped.',
  ),
  BAD_USAGE: entry(
    2,
    'The command line or an option cannot be understood.',
    'See `mesascope --help` or `mesascope COMMAND --help`.',
  ),
  BAD_SETTING: entry(
    2,
    'A setting has a value outside its range or of the wrong kind.',
    'Correct the setting that the message names.',
  ),
  MATRIX_SHAPE: entry(
    1,
    'Two shapes that must agree do not.',
    'In a script: check the rows and columns handed in. From the command line this is a bug; please report it.',
  ),
  // onnx
  MODEL_NOT_FOUND: entry(
    3,
    'No model file at that path.',
    'Check the path; relative paths start at the working folder.',
  ),
  MODEL_CORRUPT: entry(
    3,
    'The file is not a readable ONNX model: a length, a field or the whole file is damaged or cut short.',
    'Export or download the model again.',
  ),
  MODEL_LIMIT: entry(
    3,
    'The file states a size or a count beyond what this tool accepts from an untrusted file.',
    'If the model is genuine, open it with a higher limit (see `limits` in the documentation of `indexModel`).',
  ),
  MODEL_UNSUPPORTED: entry(
    3,
    'The model uses something this tool does not handle.',
    'The message names it; another export of the same model usually avoids it.',
  ),
  MODEL_PAIR: entry(
    3,
    'Two models that are to be laid beside each other are not two files of one model.',
    'Give two files of the same model: the float32 one and a quantised one, say.',
  ),
  EXTERNAL_DATA_PATH: entry(
    3,
    'The model refers to a weight file outside its own folder, which could read any file of this machine.',
    'Put the weight file beside the model and export again with a relative location.',
  ),
  EXTERNAL_DATA_MISSING: entry(
    3,
    'A weight file that the model refers to is missing or too short.',
    'Copy the weight file beside the model.',
  ),
  VALUE_UNKNOWN: entry(
    2,
    'No value of that name exists in the outer graph of this model.',
    'Ask for a hook point (`mesascope inspect MODEL` lists them) or for the name of a value in the graph.',
  ),
  VALUE_NOT_EDITABLE: entry(
    3,
    'That value cannot be edited: only floating values that a node of the graph computes can be.',
    'Feed another value if it is an input of the model, or edit a value that is computed from it.',
  ),
  HOOK_UNKNOWN: entry(
    2,
    'No hook point of that name exists in this model.',
    'Run `mesascope inspect MODEL` for the list.',
  ),
  HOOK_UNAVAILABLE: entry(
    3,
    'This graph does not offer that hook point.',
    'Run `mesascope inspect MODEL` for the reason, or choose another hook.',
  ),
  // runtime
  RUNTIME_VERSION: entry(
    3,
    'The installed onnxruntime-node is older than 1.24.3, which mixes up partial outputs (microsoft/onnxruntime#26865).',
    'Install onnxruntime-node 1.24.3 or later.',
  ),
  SESSION_FAILED: entry(
    3,
    'ONNX Runtime refused to load the model.',
    'The message carries its reason; an unsupported operator or a damaged file are the usual ones.',
  ),
  RUN_FAILED: entry(
    3,
    'ONNX Runtime failed while running the model.',
    'The message carries its reason; usually an input of the wrong shape.',
  ),
  FEED_UNKNOWN: entry(
    1,
    'A value was fed under a name that the model does not take; ONNX Runtime would ignore it in silence.',
    'Check the name against `inputNames`.',
  ),
  // model
  INPUT_UNKNOWN: entry(
    3,
    'The model asks for an input that neither the data nor a rule of this tool can supply.',
    'Name it under `inputs` in the first line of the data, or export the model without it; `mesascope inspect MODEL` lists the inputs.',
  ),
  INPUT_INVALID: entry(
    3,
    'An example does not fit what the model takes: another kind of input, another type or another shape.',
    'Give every example the kind and shape that `mesascope inspect MODEL` lists.',
  ),
  INPUT_TOO_LONG: entry(
    3,
    'A row has more tokens than the model has positions; it would read past the end of a table.',
    'Shorten the row, or use a model that was trained on longer ones.',
  ),
  TOKEN_RANGE: entry(
    3,
    'A token id lies outside the vocabulary of the model; looking it up would fail or read a wrong row.',
    'Check that the data were made for this model: ids run from 0 to the vocabulary size less one.',
  ),
  TOKENIZER_MISSING: entry(
    3,
    'The data hold text, and no tokenizer lies beside the model to turn it into token ids.',
    'Put `tokenizer.json` and `tokenizer_config.json` of the model into its folder, or into the one above where that is called `onnx`, or tokenize the text yourself and give `tokens` in place of `text`.',
  ),
  TOKENIZER_INVALID: entry(
    3,
    'The tokenizer file beside the model cannot be used: it is damaged, of a kind that is not known, or takes too long.',
    'Save it again with `tokenizer.save` of the Python package tokenizers, or give `tokens` in place of `text`.',
  ),
  CHAT_TEMPLATE_MISSING: entry(
    3,
    'The data hold messages, and no chat template lies beside the model to turn them into text.',
    "Put the model's `chat_template.jinja` (or its `tokenizer_config.json` with `chat_template`) beside the tokenizer, or give `text` as the model is to be fed it in place of `messages`.",
  ),
  CHAT_TEMPLATE_INVALID: entry(
    3,
    'The chat template beside the model cannot be used: it is damaged, uses something that is not known, or asks for too much time or room.',
    'Take it anew from where the model comes from, or give `text` as the model is to be fed it in place of `messages`.',
  ),
  CHAT_REFUSED: entry(
    3,
    'The chat template of the model refuses a chat: a role that it does not know, or turns in an order that it does not take.',
    'Change the messages as the message says; for instance put what a system message says into the first message of the user.',
  ),
  SPAN_MISSING: entry(
    3,
    'Words whose tokens were asked for do not occur in a text.',
    'Correct the words (upper and lower case count), or leave the example out.',
  ),
  SPAN_UNCLEAR: entry(
    3,
    'Words whose tokens were asked for share a token with what stands beside them, or their tokens cannot be told apart.',
    'Ask for the whole of what the token covers, or name positions in place of words.',
  ),
  CHOICE_TOKENS: entry(
    3,
    'A choice that is given as text, or as a list of token ids, does not stand for the one token that a choice needs.',
    'Write the choice as the tokenizer has it in its vocabulary (a leading blank often belongs to the token), or let `candidates` in the first line score several tokens.',
  ),
  // capture
  POSITION_RANGE: entry(
    3,
    'A position was asked for that a row does not have.',
    'Choose positions that every row has; negative ones count from the end of the row.',
  ),
  CHOICE_RANGE: entry(
    3,
    "A choice names an index outside the last axis of the model's first output.",
    'Correct `choices` in the first line of the data.',
  ),
  ACTIVATIONS_NON_FINITE: entry(
    3,
    'The model produced NaN or infinity, so every number computed from these activations would be meaningless.',
    'Check the model on that example: an overflow in half precision or a damaged weight is the usual source.',
  ),
  ACTIVATIONS_RANGE: entry(
    3,
    'An activation is too large for float16, whose largest number is 65504; stored, it would be infinity.',
    'Capture in float32: leave `--dtype float16` out.',
  ),
  // store
  DATA_NOT_FOUND: entry(
    3,
    'No data file can be read at that path.',
    'Check the path; relative paths start at the working folder.',
  ),
  DATA_SYNTAX: entry(
    3,
    'A line of the data file is not JSON.',
    'Every line is one JSON object: the first describes the data, each further one is an example.',
  ),
  DATA_FIELD: entry(
    3,
    'A field of the data file is missing or has a value that it cannot have.',
    'Correct the field that the message names.',
  ),
  DATA_UNKNOWN_FIELD: entry(
    3,
    'The data file has a field that nothing reads; a misspelt name would otherwise be lost in silence.',
    'Correct the name, or put what is yours under `meta`.',
  ),
  DATA_DUPLICATE_ID: entry(3, 'Two examples have the same id.', 'Give every example an id of its own.'),
  DATA_EMPTY: entry(
    3,
    'The data file holds no example.',
    'Write a first line that describes the data and one line per example after it.',
  ),
  DATA_LIMIT: entry(
    3,
    'The data file states something larger than this tool accepts from an untrusted file.',
    'Split long lines and flatten deep nesting; the message names the limit.',
  ),
  SPLIT_TOO_FEW_GROUPS: entry(
    3,
    'There are too few groups to put some on each side of the split without cutting one.',
    'Give examples of more sources, each with its own `group`.',
  ),
  RUN_LOCKED: entry(
    3,
    'Another process is writing to the same folder.',
    'Wait for it or end it, or choose another folder. The lock of a process that died is taken over by itself; one that another machine or container left is not: delete the file `lock` once nothing writes there.',
  ),
  DISK_FULL: entry(
    3,
    'The disk is full. What was finished before is intact.',
    'Free some space and run the same command again: it goes on where it stopped.',
  ),
  DISK_ROOM: entry(
    3,
    'The disk has less room than the capture will take, so it was not begun.',
    'Free some space, choose a folder on another disk, or capture fewer hooks or positions, or in float16.',
  ),
  NOT_WRITABLE: entry(3, 'A file or folder cannot be written.', 'Choose a folder that you may write to.'),
  STORE_CORRUPT: entry(
    3,
    'A stored file is damaged or was not written by this tool.',
    'Delete the file or folder that the message names; it will be made again.',
  ),
  // linalg
  NON_FINITE: entry(
    3,
    'A matrix holds NaN or infinity, so every number computed from it would be meaningless.',
    'Check the model and the inputs that gave these activations: an overflow in half precision is the usual source.',
  ),
  NOT_POSITIVE_DEFINITE: entry(
    3,
    'A system has no unique solution: the features are linearly dependent and nothing regularises them.',
    'Use a larger penalty, more shrinkage or more examples.',
  ),
  RANK_DEFICIENT: entry(
    3,
    'Fewer independent directions exist than were asked for.',
    'Ask for a smaller subspace or give more examples.',
  ),
  // probe
  LABELS_INVALID: entry(
    3,
    'Class labels do not fit the data: one is outside its range, or there are too few of them.',
    'Labels are whole numbers from 0 to the number of classes less one, or -1 for "no value"; one per example.',
  ),
  LABELS_ONE_CLASS: entry(
    3,
    'Fewer than two classes of a variable occur among the examples a probe is fitted on, so there is nothing to tell apart.',
    'Add examples of another class to the fitting side, or leave the variable out.',
  ),
  PROBE_FILE_INVALID: entry(
    3,
    'A file that should hold a saved probe cannot be read, or holds something else.',
    'Give a file that `saveProbe` wrote, or fit the probe again.',
  ),
  PROBE_MISMATCH: entry(
    3,
    'A saved probe was given activations or a model that it was not fitted for: of another width, of another hook or position, or of other weights.',
    'Capture the hook and position that the probe names, from the model that it was fitted on or one of the same width.',
  ),
  MONITOR_DIFFERS: entry(
    3,
    'On a small run, a model with probes attached did not give the outputs of the model without them, or not the scores that the probes give; it was not written.',
    'Check the model with `mesascope verify`. A model that draws random numbers cannot be compared with itself; otherwise please report it.',
  ),
  // record
  RECORD_NOT_FOUND: entry(
    3,
    'There is no record of a run at that path.',
    'Give a run.json or the folder that holds one; `mesascope list` shows the runs there are.',
  ),
  RECORD_CORRUPT: entry(
    3,
    'The file is not a readable record: it is damaged, cut short, edited out of shape, or something else altogether.',
    'Run the experiment again; what is in the cache is reused.',
  ),
  RECORD_VERSION: entry(
    3,
    'The record was written by a version of mesascope whose records this one cannot read.',
    'Install the version that wrote it, or a later one.',
  ),
  RECORD_REFUSED: entry(
    1,
    'A value was about to be recorded that no record may hold: not a number, a path of this machine, or an unknown field.',
    'In a script: correct the field that the message names. From the command line this is a bug; please report it.',
  ),
  // cli
  EXPERIMENT_NOT_FOUND: entry(
    2,
    'No experiment of that name exists in `probes/`, and no file at that path.',
    'Run `mesascope list` for the names, or give the path of a `*.probe.ts` file.',
  ),
  EXPERIMENT_INVALID: entry(
    2,
    'An experiment file cannot be loaded, or does not export an experiment.',
    'The file must end in `export default defineExperiment({ ... })`; the files in `probes/` show how.',
  ),
  RUN_NOT_FOUND: entry(
    2,
    'No finished run of that name exists in `reports/`, and no `run.json` at that path.',
    'Run `mesascope list` for the finished runs, or make one with `mesascope run`.',
  ),
  PORT_UNAVAILABLE: entry(
    2,
    'The page cannot be served on that port, most likely because another program uses it.',
    'Choose another port, or leave `--port` out to get a free one.',
  ),
  // benchmark
  CARD_INVALID: entry(
    3,
    'The card of a model organism cannot be read, or does not say what it was made to be.',
    'Correct the field that the message names; the cards in `models/` show how.',
  ),
  FAMILY_INVALID: entry(
    2,
    'A family file cannot be loaded, or does not export a family of organisms.',
    'The file must end in `export default defineFamily({ ... })`; `models/grid/family.ts` shows how.',
  ),
};
