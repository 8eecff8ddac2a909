// Package docscommands runs the commands of the project's pages: a page that shows a
// command which does not work, or prints something else, fails a test.
//
// What a page is made of:
//
//   - A fence `console` holds commands after "$ ", each followed by what it prints. They
//     run one after the other in one shell: variables, folders and what runs in the
//     background stay.
//   - A fence `sql` goes to psql; `sql service=standby` to another service of
//     pg_service.conf than the test's first. A fence `text` right behind it is what it prints.
//   - `…` in a line of output stands for anything, a line of `…` alone for any lines. Where a
//     page shows no output, only the success counts.
//   - `<!-- prepare: NAME -->` has the test do something first: wait, enqueue, start.
//   - `<!-- not run: WHY -->` before a fence leaves it out. Every other console and sql
//     fence of the page is run, in the order of the page.
//
// The first steps of docs/install.md have a reader of their own in django_bridge/tests/ten_minutes,
// because they are steps of a Python project; the fences look the same.
package docscommands
