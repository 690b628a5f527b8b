/*
 * Keeping the authorities that tessera chain found to be right.
 */
#ifndef CARD_TOOL_CHAIN_H
#define CARD_TOOL_CHAIN_H

#include "card/tool/registry.h"
#include "card/tool/verify.h"

/*
 * Put them into the card's file of authorities, into the chains of what is
 * activated, and for this machine (`system`) among those it trusts.
 */
int chain_install(struct tool *t, const struct card_set *set,
                  const struct card *c, const struct authorities *sound,
                  bool system);

#endif
