/** Who runs this process: the user before sudo, where sudo says so. */
export async function invokingUser(): Promise<{ readonly user: string; readonly uid: number }> {
  const sudo = Deno.env.get("SUDO_USER");
  try {
    const { username, uid } = (await import("node:os")).userInfo();
    return { user: sudo === undefined || sudo === "" ? username : `${sudo} (as ${username})`, uid };
  } catch {
    // No entry in the user database, as in an initramfs.
    const uid = Deno.uid() ?? 0;
    return { user: sudo ?? `uid ${uid}`, uid };
  }
}
