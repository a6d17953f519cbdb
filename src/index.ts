/** @file index: the door for scripts: the stages of an audit and their parts as functions; folders of runs and serving pages are the command line's. */

export type { Environment, ReachedGoal } from './behavior/environment.ts';
export { type GenerateRequest, type Generation, generate, promptsWithAnswers } from './behavior/generate.ts';
export { type RollOut, rollOut } from './behavior/roll-out.ts';
export type { Sampling } from './behavior/sampling.ts';
export { type BenchmarkCase, defineFamily, type Family, type FamilySpec } from './benchmark/family.ts';
export { type AttentionPatterns, attentionPatterns, type HeadPattern } from './capture/attention-patterns.ts';
export { type Interventions, openInterventions } from './capture/interventions.ts';
export { type LogitLens, logitLens } from './capture/lens-logit.ts';
export { attributeLogits, type LogitAttribution, type LogitShare } from './capture/logit-attribution.ts';
export { measurePadding, type PaddingCheck } from './capture/padding.ts';
export { type ForwardRequest, type ForwardResult, runForward } from './capture/run-forward.ts';
export { scoreCandidates } from './capture/score-candidates.ts';
export type { Steering } from './capture/steering.ts';
export { twinOf } from './capture/twin-of.ts';
export { verifyModel } from './capture/verify-model.ts';
export type {
  Counterfactual,
  DataSet,
  Example,
  GoalRole,
  GoalValue,
  ModelInput,
  Picture,
} from './core/data-set.ts';
export { ERROR_CODES, type ErrorCode } from './core/error-codes.ts';
export { MesascopeError } from './core/errors.ts';
export { type Matrix, matrix, rowOf, takeRows } from './core/matrix.ts';
export type { Measured } from './core/outcome.ts';
export type { ProgressEvent, ProgressListener, RunControl } from './core/progress.ts';
export { type Random, seededRandom } from './core/random.ts';
export { type ClassLabels, type GroupSplit, sideOf, type TestSplit, type TrainSplit } from './core/split.ts';
export { CRITERIA } from './evidence/criteria.ts';
export { balancedAccuracy } from './evidence/metric-accuracy.ts';
export { auroc } from './evidence/metric-auroc.ts';
export { averagePrecision } from './evidence/metric-average-precision.ts';
export { brierScore, calibrationTable } from './evidence/metric-calibration.ts';
export { onlineCodeLengths } from './evidence/metric-code-length.ts';
export { rSquared, spearman } from './evidence/metric-numeric.ts';
export { callsAbove, thresholdFromNegatives } from './evidence/metric-threshold.ts';
export { smallestContrast, smallestEquivalenceMargin, smallestMeanEffect } from './evidence/power.ts';
export type { Claim, Headline, RungId, RungResult, Statistic, Verdict } from './evidence/rung.ts';
export { type Linalg, openLinalg } from './linalg/linalg.ts';
export { pca } from './linalg/pca.ts';
export { roleMask } from './model/chat-positions.ts';
export { choiceColumns } from './model/choice-tokens.ts';
export { type Position, positionNamed } from './model/named-positions.ts';
export { type Model, openModel } from './model/open-model.ts';
export { positionsOfSpan, responseMask, spanRequest } from './model/text-positions.ts';
export { tokenizedData } from './model/tokenize.ts';
export { findHookPoints } from './onnx/hooks-find.ts';
export { hookNamed, matchHooks } from './onnx/hooks-names.ts';
export { indexModel } from './onnx/index-model.ts';
export { instrument } from './onnx/instrument.ts';
export { shuffledTwin } from './onnx/twin.ts';
export {
  type Attached,
  type AttachRequest,
  attachProbes,
  type MonitorOutput,
} from './pipeline/attach-probes.ts';
export {
  captureToFolder,
  type FolderCapture,
  type FolderCaptureRequest,
} from './pipeline/capture-to-folder.ts';
export {
  type CompareRequest,
  type Comparison,
  type CrossReading,
  compareModels,
  type HookDifference,
} from './pipeline/compare-models.ts';
export {
  type AuditSettings,
  defineExperiment,
  type Experiment,
  type ExperimentSpec,
  type RollOutSpec,
} from './pipeline/experiment.ts';
export { type FitRequest, type FittedProbe, fitProbe } from './pipeline/fit-probe.ts';
export { type Plan, planExperiment } from './pipeline/plan-experiment.ts';
export { type Prepared, prepareExperiment } from './pipeline/prepare-experiment.ts';
export { loadProbe, saveProbe } from './pipeline/probe-files.ts';
export { runExperiment } from './pipeline/run-experiment.ts';
export { type AnswerScores, scoreAnswer } from './pipeline/score-answers.ts';
export { fitContrastPairs } from './probe/contrast-pairs.ts';
export { fitContrastSearch } from './probe/contrast-search.ts';
export { fitEnsemble, scoreEnsemble } from './probe/ensemble.ts';
export { fitLda } from './probe/lda.ts';
export { applyEraser, type Eraser, fitLeace } from './probe/leace.ts';
export { type LinearProbe, predict, predictNumbers, scoreProbe, scoreProbes } from './probe/linear-probe.ts';
export { fitLogistic } from './probe/logistic.ts';
export { fitLogisticPath } from './probe/logistic-path.ts';
export { fitMassMean } from './probe/mass-mean.ts';
export { fitMlp, type MlpProbe, scoreMlp } from './probe/mlp.ts';
export { joinPairs, type PairedRows, pairDifferences } from './probe/pairs.ts';
export { probeDirection } from './probe/probe-direction.ts';
export { type ProbeOrigin, predictSaved, type SavedProbe, scoreSaved } from './probe/probe-file.ts';
export { fitRegression } from './probe/regression.ts';
export { fitRidge } from './probe/ridge.ts';
export { readRecord } from './record/read.ts';
export type { RunRecord } from './record/record.ts';
export { writeRecord } from './record/write.ts';
export { renderReport } from './report/render.ts';
export { dataSetSha256, readDataSet } from './store/data-set.ts';
export { writeDataSet } from './store/data-writer.ts';
export { splitByGroup } from './store/group-split.ts';
