/*
 * What list, watch and show print of a reader, a card, a certificate.
 */
#ifndef CARD_TOOL_LIST_H
#define CARD_TOOL_LIST_H

#include "card/tool/tool.h"

/* One reader with what is in it, as an entry of an open list. */
void list_reader(struct tool *t, size_t number,
                 const struct reader_state *reader);
/* Keys with their certificates, then the certificates of no key. */
void list_objects(struct tool *t, const struct card *c);
/* "Authentication key": what a person calls it. */
const char *list_key_title(const struct card_key_info *key);

#endif
