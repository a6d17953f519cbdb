/** @file capture: the door to weight-shuffled twins for the layers above; the work is the model layer's. */
export { type TwinRequest, twinOf } from '../model/twin.ts';
