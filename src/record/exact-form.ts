/** @file record: holds a zod form to a type in both directions at compile time; does nothing at run time. */
import type { z } from 'zod';

type Frozen<T> = T extends readonly (infer U)[]
  ? readonly Frozen<U>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** `unknown` when the form writes exactly T; `never`, and with it a compile error, when either has a field that the other lacks. */
type Agrees<T, S extends z.ZodType> = [T] extends [Frozen<z.output<S>>]
  ? [Frozen<z.output<S>>] extends [T]
    ? unknown
    : never
  : never;

/**
 * `exactly<T>()(form)` is the form, typed as a form of T. A field that only the type has would be refused on reading; one that only the
 * form has would stay unread.
 */
export function exactly<T>(): <S extends z.ZodType>(form: S & Agrees<T, S>) => z.ZodType<T> {
  return (form) => form as z.ZodType<unknown> as z.ZodType<T>;
}
