/** @file models/null: its organisms are shown the grid world's boards; nothing of their own here. */
export * from '../grid/environment.ts';
