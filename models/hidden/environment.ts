/** @file models/hidden: its organisms live in the grid world; nothing of their own here. */
export * from '../grid/environment.ts';
