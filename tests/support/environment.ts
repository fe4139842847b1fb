/**
 * What `look` gives where Deno.env has these variables; undefined for one that is not set. That of the process stays as it
 * is: other tests run in it beside this one.
 */
export async function withEnvironment<T>(
  variables: { readonly [name: string]: string | undefined },
  look: () => T | Promise<T>,
): Promise<T> {
  const { get } = Deno.env;
  Deno.env.get = (name) => Object.hasOwn(variables, name) ? variables[name] : get.call(Deno.env, name);
  try {
    return await look();
  } finally {
    Deno.env.get = get;
  }
}
