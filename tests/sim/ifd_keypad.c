/*
 * A reader with a keypad for pcscd: an IFD handler in front of vpcd's, which is
 * beside this file as FILE.vpcd and does all but the keypad. What a person
 * enters is the content of FILE.typed, waited for as long as the reader waits,
 * then removed ("timeout" spares the wait); what was asked is in FILE.log. It
 * carries what it is given: FILE.carries is what it says of that.
 */
#define _GNU_SOURCE /* dladdr */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ifdhandler.h>
#include <reader.h>

#include "tests/sim/keypad.h"

enum {
    VERIFY = SCARD_CTL_CODE(3401), /* control codes of our own choice */
    MODIFY = SCARD_CTL_CODE(3402),
    PROPERTIES = SCARD_CTL_CODE(3403)
};

static struct {
    RESPONSECODE (*create)(DWORD, DWORD);
    RESPONSECODE (*create_by_name)(DWORD, LPSTR);
    RESPONSECODE (*close)(DWORD);
    RESPONSECODE (*get)(DWORD, DWORD, PDWORD, PUCHAR);
    RESPONSECODE (*set)(DWORD, DWORD, DWORD, PUCHAR);
    RESPONSECODE (*protocol)(DWORD, DWORD, UCHAR, UCHAR, UCHAR, UCHAR);
    RESPONSECODE (*power)(DWORD, DWORD, PUCHAR, PDWORD);
    RESPONSECODE (*transmit)(DWORD, SCARD_IO_HEADER, PUCHAR, DWORD, PUCHAR,
                             PDWORD, PSCARD_IO_HEADER);
    RESPONSECODE (*presence)(DWORD);
} vpcd;

/* A file beside this one. */
static char *beside(const char *suffix, char *out, size_t cap)
{
    Dl_info self;

    if (dladdr(&vpcd, &self) == 0)
        self.dli_fname = "";
    snprintf(out, cap, "%s.%s", self.dli_fname, suffix);
    return out;
}

static bool load(void)
{
    static const struct {
        void *function;
        const char *name;
    } wanted[] = {
        {&vpcd.create, "IFDHCreateChannel"},
        {&vpcd.create_by_name, "IFDHCreateChannelByName"},
        {&vpcd.close, "IFDHCloseChannel"},
        {&vpcd.get, "IFDHGetCapabilities"},
        {&vpcd.set, "IFDHSetCapabilities"},
        {&vpcd.protocol, "IFDHSetProtocolParameters"},
        {&vpcd.power, "IFDHPowerICC"},
        {&vpcd.transmit, "IFDHTransmitToICC"},
        {&vpcd.presence, "IFDHICCPresence"},
    };
    char path[512];
    void *handle = dlopen(beside("vpcd", path, sizeof(path)), RTLD_NOW);
    void *symbol;

    for (size_t i = 0; i < nitems(wanted); i++) {
        if (handle == NULL || (symbol = dlsym(handle, wanted[i].name)) == NULL)
            return false;
        memcpy(wanted[i].function, &symbol, sizeof(symbol));
    }
    return true;
}

RESPONSECODE IFDHCreateChannel(DWORD Lun, DWORD Channel)
{
    return load() ? vpcd.create(Lun, Channel) : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHCreateChannelByName(DWORD Lun, LPSTR DeviceName)
{
    return load() ? vpcd.create_by_name(Lun, DeviceName)
                  : IFD_COMMUNICATION_ERROR;
}

RESPONSECODE IFDHCloseChannel(DWORD Lun)
{
    return vpcd.close(Lun);
}

RESPONSECODE IFDHGetCapabilities(DWORD Lun, DWORD Tag, PDWORD Length,
                                 PUCHAR Value)
{
    return vpcd.get(Lun, Tag, Length, Value);
}

RESPONSECODE IFDHSetCapabilities(DWORD Lun, DWORD Tag, DWORD Length,
                                 PUCHAR Value)
{
    return vpcd.set(Lun, Tag, Length, Value);
}

RESPONSECODE IFDHSetProtocolParameters(DWORD Lun, DWORD Protocol, UCHAR Flags,
                                       UCHAR PTS1, UCHAR PTS2, UCHAR PTS3)
{
    return vpcd.protocol(Lun, Protocol, Flags, PTS1, PTS2, PTS3);
}

RESPONSECODE IFDHPowerICC(DWORD Lun, DWORD Action, PUCHAR Atr,
                          PDWORD AtrLength)
{
    return vpcd.power(Lun, Action, Atr, AtrLength);
}

RESPONSECODE IFDHTransmitToICC(DWORD Lun, SCARD_IO_HEADER SendPci,
                               PUCHAR TxBuffer, DWORD TxLength,
                               PUCHAR RxBuffer, PDWORD RxLength,
                               PSCARD_IO_HEADER RecvPci)
{
    return vpcd.transmit(Lun, SendPci, TxBuffer, TxLength, RxBuffer, RxLength,
                         RecvPci);
}

RESPONSECODE IFDHICCPresence(DWORD Lun)
{
    return vpcd.presence(Lun);
}

/* ---- the keypad ---------------------------------------------------------- */

static void note(const char *what, unsigned sw)
{
    char path[512];
    FILE *log = fopen(beside("log", path, sizeof(path)), "a");

    if (log == NULL)
        return;
    fprintf(log, sw == 0 ? "%s\n" : "%s %04X\n", what, sw);
    fclose(log);
}

/* Wait for a person; empty when nobody comes in time. */
static void wait_for_typing(unsigned seconds, char *typed, size_t cap)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    char path[512];
    FILE *file = NULL;

    typed[0] = '\0';
    beside("typed", path, sizeof(path));
    for (unsigned i = 0; i < 20 * seconds && file == NULL; i++) {
        if ((file = fopen(path, "r")) == NULL)
            nanosleep(&pause, NULL);
    }
    if (file == NULL)
        return;
    if (fgets(typed, (int)cap, file) == NULL || strcmp(typed, "timeout\n") == 0)
        typed[0] = '\0';
    fclose(file);
    unlink(path);
}

/* To the card and back: 0 if that fails. */
static DWORD send_to_card(DWORD Lun, struct buf *apdu, PUCHAR answer,
                          DWORD room)
{
    SCARD_IO_HEADER send = {.Length = sizeof(send)}, receive = send;
    DWORD len = room;

    return vpcd.transmit(Lun, send, apdu->data, (DWORD)apdu->len, answer, &len,
                         &receive) == IFD_SUCCESS
               ? len
               : 0;
}

static RESPONSECODE enter(DWORD Lun, bool modify, struct bytes structure,
                          PUCHAR answer, DWORD room, PDWORD len)
{
    uint8_t space[300];
    struct buf apdu = BUF_ON(space);
    char typed[128];
    unsigned sw;

    *len = 0;
    if (structure.len == 0 || room < 2)
        return IFD_COMMUNICATION_ERROR;
    note(modify ? "modify" : "verify", 0);
    wait_for_typing(structure.data[0], typed, sizeof(typed));
    sw = keypad_complete(modify, structure, typed, &apdu);
    if (sw == KEYPAD_DONE) {
        *len = send_to_card(Lun, &apdu, answer, room);
    } else {
        answer[0] = (UCHAR)(sw >> 8);
        answer[1] = (UCHAR)sw;
        *len = 2;
    }
    if (*len >= 2)
        note("answer", (unsigned)answer[*len - 2] << 8 | answer[*len - 1]);
    return *len >= 2 ? IFD_SUCCESS : IFD_COMMUNICATION_ERROR;
}

static RESPONSECODE tell(struct bytes words, PUCHAR answer, DWORD room,
                         PDWORD len)
{
    if (room < words.len)
        return IFD_ERROR_INSUFFICIENT_BUFFER;
    memcpy(answer, words.data, words.len);
    *len = words.len;
    return IFD_SUCCESS;
}

/* Up to two numbers from a file beside this one: true if it has as many. */
static bool read_numbers(const char *suffix, unsigned *out, int count)
{
    unsigned n[2];
    char path[512];
    FILE *file = fopen(beside(suffix, path, sizeof(path)), "r");
    bool whole;

    if (file == NULL)
        return false;
    whole = fscanf(file, "%u %u", &n[0], &n[1]) == count;
    fclose(file);
    if (whole)
        memcpy(out, n, (size_t)count * sizeof(*out));
    else
        note("no numbers", 0);
    return whole;
}

/*
 * FILE.limits: how few and how many digits this keypad takes. FILE.carries:
 * dwMaxAPDUDataSize; without that file nothing is said of it.
 */
static RESPONSECODE tell_properties(PUCHAR answer, DWORD room, PDWORD len)
{
    unsigned digits[2] = {4, 12}, size = 0;
    bool sized = read_numbers("carries", &size, 1);
    uint8_t properties[12];

    read_numbers("limits", digits, 2);
    memcpy(properties,
           (uint8_t[]){PCSCv2_PART10_PROPERTY_bMinPINSize, 1,
                       (uint8_t)digits[0],
                       PCSCv2_PART10_PROPERTY_bMaxPINSize, 1,
                       (uint8_t)digits[1],
                       PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize, 4,
                       (uint8_t)size, (uint8_t)(size >> 8),
                       (uint8_t)(size >> 16), (uint8_t)(size >> 24)},
           sizeof(properties));
    note("properties", 0);
    return tell(bytes_from(properties, sized ? 12 : 6), answer, room, len);
}

#define CODE(code)                                                             \
    4, (code) >> 24, (code) >> 16 & 0xFF, (code) >> 8 & 0xFF, (code)&0xFF

RESPONSECODE IFDHControl(DWORD Lun, DWORD dwControlCode, PUCHAR TxBuffer,
                         DWORD TxLength, PUCHAR RxBuffer, DWORD RxLength,
                         PDWORD pdwBytesReturned)
{
    static const uint8_t features[] = {
        FEATURE_VERIFY_PIN_DIRECT, CODE(VERIFY), FEATURE_MODIFY_PIN_DIRECT,
        CODE(MODIFY), FEATURE_GET_TLV_PROPERTIES, CODE(PROPERTIES)};

    switch (dwControlCode) {
    case CM_IOCTL_GET_FEATURE_REQUEST:
        note("features", 0);
        return tell(BYTES_OF(features), RxBuffer, RxLength, pdwBytesReturned);
    case PROPERTIES:
        return tell_properties(RxBuffer, RxLength, pdwBytesReturned);
    case VERIFY:
    case MODIFY:
        return enter(Lun, dwControlCode == MODIFY,
                     bytes_from(TxBuffer, TxLength), RxBuffer, RxLength,
                     pdwBytesReturned);
    default:
        return IFD_ERROR_NOT_SUPPORTED;
    }
}
