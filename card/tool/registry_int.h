/*
 * The registry's list as its own files see it.
 */
#ifndef CARD_TOOL_REGISTRY_INT_H
#define CARD_TOOL_REGISTRY_INT_H

#include "card/tool/registry.h"

#define REGISTRY_LIST "registered.sha256"

/* The text of a list; NULL: no memory. */
BIO *registry_list_text(const struct registry *r);
/* False: it is full. */
bool registry_list_add(struct registry *r, const char *name, const char *hash);
/* All entries of that name. */
void registry_list_drop(struct registry *r, const char *name);
bool registry_list_has(const struct registry *r, const char *name,
                       const char *hash);
/* The folder a name is in, and that folder's path; -1: there is none. */
int registry_place(const struct registry *r, const char *name,
                   const char **path);

#endif
