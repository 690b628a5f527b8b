/*
 * Key ids from before PKCS#11 URIs, as libp11's engine takes them.
 */
#ifndef ENGINE_LEGACY_H
#define ENGINE_LEGACY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Write the URI for one of
 *
 *   (empty)  HEX  id_HEX  label_TEXT  N:  N:HEX
 *   slot_N  slot_N-id_HEX  slot_N-label_TEXT
 *
 * where HEX is a CKA_ID (an odd digit stands for a byte of its own at the end,
 * none for any) and N a slot's decimal number. False if the id is none of
 * these, or too long for cap: then it is for the store to judge.
 */
bool legacy_to_uri(const char *id, char *out, size_t cap);

/*
 * Append an attribute of a pkcs11: URI (RFC 7512 2.3), its value
 * percent-encoded; a URI in `out` that ends in neither ':' nor '?' gets a ';'
 * first. False if there is no room.
 */
bool legacy_add(char *out, size_t cap, const char *attribute,
                const void *value, size_t len);

#endif
