/*
 * Questions to a person: at the terminal, or answered by a file.
 */
#ifndef CARD_TOOL_PROMPT_H
#define CARD_TOOL_PROMPT_H

#include "card/tool/tool.h"

/*
 * Ask at the terminal, without echo; the answer is appended to `value`. The
 * terminal is as before whatever ends the prompt. From the first question on
 * this program leaves no core file. Nothing is kept of what is
 *   CARD_E_CANCELLED   ended by ^C or ^D, or empty
 *   CARD_E_PIN_FORMAT  longer than `value` has room for, or no text
 *   CARD_E_PIN_NEEDED  asked without a terminal
 */
int prompt_secret(const char *question, struct buf *value);
/* Yes or no at the terminal, no by default; no terminal: no. */
bool prompt_yes(const char *question);
/*
 * A PIN by --pin-file if there is one (its first line, `line` 0; further lines
 * are further values: the old and the new PIN, the PUK and the new PIN), else
 * asked. Files as secret_from_file demands.
 */
int prompt_pin(struct tool *t, const char *question, unsigned line,
               struct buf *value);
/* What these three return, in words; an exit status. Nothing went to a card. */
int prompt_error(struct tool *t, int rc);

#endif
