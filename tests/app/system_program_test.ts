import { assertEquals } from "@std/assert";
import { systemProgram } from "../../src/app/system_program.ts";

Deno.test("root runs programs of the system by their paths, whatever PATH has; others by their names", () => {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.mkdirSync(`${folder}/a/systemctl`, { recursive: true });
    Deno.mkdirSync(`${folder}/b`);
    Deno.writeTextFileSync(`${folder}/b/systemctl`, "");
    const folders = [`${folder}/none`, `${folder}/a`, `${folder}/b`];
    assertEquals(systemProgram("systemctl", { uid: 0, folders }), `${folder}/b/systemctl`);
    assertEquals(systemProgram("loginctl", { uid: 0, folders }), `${folder}/none/loginctl`);
    assertEquals(systemProgram("systemctl", { uid: 1000, folders }), "systemctl");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});
