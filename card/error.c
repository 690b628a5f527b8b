/*
 * Error codes in words, and the one sentence per thread that goes with them.
 */
#include "card/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SENTENCE_MAX = 512 };

static _Thread_local char sentence[SENTENCE_MAX];

const struct card_error_name card_error_names[] = {
    {CARD_E_MEMORY, "out of memory", "free memory or raise the limit"},
    {CARD_E_ARGUMENT, "senseless request",
     "report it, with the command that led to it"},
    {CARD_E_BUFFER, "the caller's buffer is too small",
     "report it, with the command that led to it"},
    {CARD_E_UNSUPPORTED, "not supported by this card or this build",
     "use another key or algorithm"},
    {CARD_E_NOT_MINE, "card not known",
     "see the README for the cards that are supported"},
    {CARD_E_NOT_FOUND, "not found",
     "compare with what `openssl storeutl -text` shows of card:// or pkcs11:"},
    {CARD_E_AMBIGUOUS, "more than one card or key matches",
     "add serial=, reader=, id= or usage= to the URI"},
    {CARD_E_NO_SERVICE, "the smart card service does not answer",
     "start pcscd: systemctl start pcscd.socket; check that polkit lets this "
     "user in"},
    {CARD_E_NO_READER, "no card reader",
     "plug the reader in, or correct its name"},
    {CARD_E_NO_CARD, "no card in the reader", "insert the card"},
    {CARD_E_REMOVED, "the card was taken out while in use",
     "insert the card again and repeat"},
    {CARD_E_RESET, "the card was reset, or the sessions with the token lost",
     "repeat"},
    {CARD_E_BUSY, "another program holds the card",
     "close the other program, or wait until it is done"},
    {CARD_E_TIMEOUT, "the card or the reader did not answer in time",
     "take the card out, insert it again and repeat"},
    {CARD_E_COMM, "transmission between reader and card failed",
     "clean the card's contacts, insert it again, try another USB port"},
    {CARD_E_PROTOCOL, "the card answered something malformed",
     "repeat; if it stays, record it with the setting trace and report it"},
    {CARD_E_STATUS, "the card refused the command",
     "the status word says why; the setting trace records it for a report"},
    {CARD_E_LOGIN, "the card wants its PIN first",
     "give the PIN: at the prompt, or by pin-source in the URI"},
    {CARD_E_PIN_WRONG, "wrong PIN: one try is spent",
     "check the PIN before the next try"},
    {CARD_E_PIN_LOCKED, "the PIN is locked: no tries left",
     "unblock it with the PUK, or ask the issuer of the card"},
    {CARD_E_PIN_NEEDED, "a PIN is needed and none was given",
     "set pin-source in the URI or the configuration, or use a program that "
     "asks"},
    {CARD_E_PIN_REFUSED, "the stored PIN was not presented: no try is spent",
     "correct the stored PIN, then enter the right one once at a prompt"},
    {CARD_E_PIN_FORMAT, "the PIN cannot be right: nothing was sent",
     "check the PIN's length and characters"},
    {CARD_E_CANCELLED, "cancelled at the PIN prompt", ""},
    {CARD_E_SELF_CHECK,
     "the card's signature does not verify with its certificate: discarded",
     "check that key and certificate belong together; try another reader"},
    {CARD_E_URI, "malformed URI",
     "correct the attribute named"},
    {CARD_E_CONFIG, "malformed configuration",
     "correct the setting or the file named"},
    {CARD_E_OTHER_CARD, "another card is in the reader now",
     "insert the card the key was loaded from, or load the key again"},
    {CARD_E_LIMIT, "a safety limit was reached",
     "the card gives more than a sound card would; report its model"},
    {CARD_E_TOKEN, "the token or its PKCS#11 module failed",
     "repeat; if it stays, try the module with pkcs11-tool and see its own log"},
    {CARD_OK, "success", ""}};

static const struct card_error_name unknown_error = {
    1, "unknown error code", "report it, with the command that led to it"};

const struct card_error_name *card_error_name(int code)
{
    const struct card_error_name *row = card_error_names;

    while (row->code != code && row->code != CARD_OK)
        row++;
    return row->code == code ? row : &unknown_error;
}

/* By way of a copy: an argument may be the present sentence itself. */
int card_fail(int code, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list args;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    memcpy(sentence, text, sizeof(text));
    return code;
}

int card_fail_in(int code, const char *format, ...)
{
    char text[SENTENCE_MAX];
    va_list args;
    size_t used;

    va_start(args, format);
    if (vsnprintf(text, sizeof(text), format, args) < 0)
        text[0] = '\0';
    va_end(args);
    used = strlen(text);
    if (snprintf(text + used, sizeof(text) - used, ": %s", sentence) < 0)
        text[used] = '\0';
    memcpy(sentence, text, sizeof(text));
    return code;
}

const char *card_error_sentence(void)
{
    return sentence;
}

void card_error_clear(void)
{
    sentence[0] = '\0';
}
