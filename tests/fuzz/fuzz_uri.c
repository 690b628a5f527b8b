/*
 * libFuzzer: URIs. What parses is within its limits and stays the same when
 * its PIN is redacted, except for the PIN.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "card/error.h"
#include "card/uri.h"
#include "tests/fuzz/fuzz.h"

enum { TEXT_MAX = 2 * CARD_URI_MAX };

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void must_be_text(const char *text)
{
    must(text == NULL || strlen(text) <= CARD_URI_MAX,
         "a value is no longer than its URI");
}

static void must_be_uri(const struct card_uri *uri)
{
    const char *const texts[] = {
        uri->token, uri->manufacturer, uri->model, uri->serial, uri->object,
        uri->slot_description, uri->slot_manufacturer,
        uri->library_description, uri->library_manufacturer,
        uri->issuer, uri->subject, uri->reader, uri->driver, uri->pin_source};

    for (size_t i = 0; i < nitems(texts); i++)
        must_be_text(texts[i]);
    must_be_id(&uri->id);
    must(uri->type <= CARD_URI_OTHER, "a type is a known one");
    must((uri->uses & ~(unsigned)(CARD_USE_AUTH | CARD_USE_SIGN |
                                  CARD_USE_DECRYPT)) == 0,
         "a use is a known one");
    must(!uri->pkcs11 || (uri->uses == 0 && uri->issuer == NULL &&
                          uri->subject == NULL && uri->reader == NULL &&
                          uri->driver == NULL && !uri->pin_not_last),
         "pkcs11: has the RFC's attributes");
}

static unsigned count_pins(const char *text)
{
    unsigned count = 0;

    for (; *text != '\0'; text++)
        count += strncasecmp(text, "pin-value=", 10) == 0;
    return count;
}

/*
 * Redacting takes the PIN, and nothing else; what merely looks like one goes
 * too, and then nothing can be said of the rest.
 */
static void must_hide_pin(const char *text, const struct card_uri *uri)
{
    char redacted[TEXT_MAX];
    struct card_uri again;

    card_uri_redact(text, redacted, sizeof(redacted));
    if (strlen(redacted) > CARD_URI_MAX ||
        count_pins(text) != (uri->pin_value != NULL ? 1 : 0))
        return;
    must(card_uri_parse(redacted, &again) == 0, "a redacted URI is one");
    if (uri->pin_value != NULL)
        must(bytes_equal(secret_view(again.pin_value),
                         bytes_of_string("XXXX")),
             "the PIN is hidden");
    else
        must(again.pin_value == NULL, "no PIN is added");
    must(same(uri->object, again.object) && same(uri->token, again.token) &&
             same(uri->pin_source, again.pin_source),
         "nothing else is taken");
    card_uri_clear(&again);
}

static void redact_short(const char *text)
{
    char out[16];

    for (size_t cap = 1; cap <= sizeof(out); cap++) {
        card_uri_redact(text, out, cap);
        must_be_string(out, cap);
    }
}

static void parse(const char *text)
{
    struct card_uri uri;
    int rc;

    card_error_clear();
    rc = card_uri_parse(text, &uri);
    must_be_result(rc);
    redact_short(text);
    if (rc < 0)
        return;
    must(card_uri_is_ours(text), "what parses is ours");
    must_be_uri(&uri);
    must_hide_pin(text, &uri);
    card_uri_clear(&uri);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    must(text != NULL, "memory");
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    parse(text);
    free(text);
    return 0;
}
