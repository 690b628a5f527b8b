/*
 * Keys as faces hold them: references and what they may know.
 */
#include "card/card_int.h"

#include <stdlib.h>
#include <string.h>

struct card_key *card_key_ref(struct card_key *key)
{
    atomic_fetch_add(&key->refs, 1);
    return key;
}

void card_key_free(struct card_key *key)
{
    if (key == NULL || atomic_fetch_sub(&key->refs, 1) > 1)
        return;
    secret_free(key->named_pin);
    secret_free(key->fetched_pin);
    card_unref(key->card);
    free(key);
}

const struct card_key_info *card_key_info(const struct card_key *key)
{
    return &key->info;
}

struct bytes card_key_cert(const struct card_key *key)
{
    return key->cert;
}

const char *card_key_name(const struct card_key *key)
{
    return key->name;
}

bool card_key_equal(const struct card_key *a, const struct card_key *b)
{
    return strcmp(a->card->token.serial, b->card->token.serial) == 0 &&
           bytes_equal(bytes_from(a->info.id.data, a->info.id.len),
                       bytes_from(b->info.id.data, b->info.id.len));
}
