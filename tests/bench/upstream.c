/* A model endpoint that costs almost nothing: one thread, epoll, HTTP/1.1 keep-alive.
 *
 * It answers by the model's name in the body: "bench-json" a 1.2 KB completion, "bench-stream" 100 events in four
 * bursts, "bench-paced" 100 events, one every 5 ms. GET /count tells how many completions it has answered, so that a
 * gateway that answers from somewhere else is found out. A usage chunk is sent where the body asks for it.
 *
 *   upstream PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 100
#define BURSTS 4
#define PACE_US 5000
#define MAXFD 4096
#define BUF (1 << 20)

static struct conn { char *in; size_t have; int left, usage; long long due; } conns[MAXFD];
static char json_reply[4096], event[1024], head[256], burst[BURSTS][32768], usage_chunk[1024];
static size_t json_len, event_len, head_len, burst_len[BURSTS], usage_len;
static const char last_chunk[] = "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n";
static unsigned long answered;
static int paced;

static long long now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000LL + t.tv_nsec / 1000; }

static size_t chunk(char *to, const char *text) {
    size_t n = strlen(text);
    return (size_t)sprintf(to, "%zx\r\n%s\r\n", n, text);
}

static void prepare(void) {
    char body[2048], content[901], data[512];
    memset(content, 'w', 900); content[900] = 0;
    for (int i = 6; i < 900; i += 7) content[i] = ' ';
    int n = snprintf(body, sizeof body,
        "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1790000000,\"model\":\"bench-json\",\"choices\":[{\"index\":0,"
        "\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
        "\"usage\":{\"prompt_tokens\":180,\"completion_tokens\":120,\"total_tokens\":300}}", content);
    json_len = (size_t)snprintf(json_reply, sizeof json_reply,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_bench\r\nopenai-processing-ms: 1\r\ncontent-length: %d\r\n\r\n%s", n, body);
    head_len = (size_t)snprintf(head, sizeof head,
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\nx-request-id: req_bench\r\ntransfer-encoding: chunked\r\n\r\n");
    snprintf(data, sizeof data,
        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"bench-stream\","
        "\"system_fingerprint\":\"fp_bench\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n");
    event_len = chunk(event, data);
    for (int b = 0; b < BURSTS; b++)
        for (int i = 0; i < EVENTS / BURSTS; i++) { memcpy(burst[b] + burst_len[b], event, event_len); burst_len[b] += event_len; }
    usage_len = chunk(usage_chunk,
        "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1790000000,\"model\":\"bench-stream\",\"choices\":[],"
        "\"usage\":{\"prompt_tokens\":180,\"completion_tokens\":100,\"total_tokens\":280}}\n\n");
}

static void put(int fd, const char *data, size_t n) {
    while (n) {
        ssize_t w = send(fd, data, n, MSG_NOSIGNAL);
        if (w > 0) { data += w; n -= (size_t)w; }
        else if (errno == EAGAIN) usleep(50);
        else return;
    }
}

static void finish_stream(int fd, struct conn *c) {
    char end[1024]; size_t n = 0;
    if (c->usage) { memcpy(end, usage_chunk, usage_len); n = usage_len; }
    memcpy(end + n, last_chunk, sizeof last_chunk - 1); n += sizeof last_chunk - 1;
    put(fd, end, n);
}

/* One complete request: head of n bytes, body of m. */
static void answer(int fd, struct conn *c, char *req, size_t n, size_t m) {
    if (!strncmp(req, "GET /count", 10)) {
        char b[64], r[160]; int k = sprintf(b, "%lu", answered);
        put(fd, r, (size_t)sprintf(r, "HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s", k, b));
        return;
    }
    answered++;
    char *body = req + n;
    size_t near = m < 400 ? m : 400;
    int stream = memmem(body, near, "bench-stream", 12) != NULL, pace = memmem(body, near, "bench-paced", 11) != NULL;
    c->usage = memmem(body, m, "\"include_usage\"", 15) != NULL;
    if (!stream && !pace) { put(fd, json_reply, json_len); return; }
    put(fd, head, head_len);
    if (stream) { for (int b = 0; b < BURSTS; b++) put(fd, burst[b], burst_len[b]); finish_stream(fd, c); return; }
    c->left = EVENTS; c->due = now_us(); paced++;
}

static void take(int fd, struct conn *c) {
    for (;;) {
        char *end = memmem(c->in, c->have, "\r\n\r\n", 4);
        if (!end) return;
        size_t n = (size_t)(end - c->in) + 4, m = 0;
        *end = 0; char *l = strcasestr(c->in, "content-length:"); *end = '\r';
        if (l) m = strtoul(l + 15, NULL, 10);
        if (c->have < n + m) return;
        answer(fd, c, c->in, n, m);
        memmove(c->in, c->in + n + m, c->have - n - m); c->have -= n + m;
    }
}

static void drop(int fd) { if (conns[fd].left) paced--; free(conns[fd].in); memset(&conns[fd], 0, sizeof conns[fd]); close(fd); }

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    prepare();
    int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((unsigned short)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(s, (void *)&a, sizeof a) || listen(s, 1024)) { perror("bench upstream"); return 1; }
    struct epoll_event e = {.events = EPOLLIN, .data.fd = s}, got[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, s, &e);
    for (;;) {
        int k = epoll_wait(ep, got, 256, paced ? 1 : -1);
        for (int i = 0; i < k; i++) {
            int fd = got[i].data.fd;
            if (fd == s) {
                int f;
                while ((f = accept4(s, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                    if (f >= MAXFD) { close(f); continue; }
                    setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    conns[f].in = malloc(BUF);
                    struct epoll_event n = {.events = EPOLLIN, .data.fd = f};
                    epoll_ctl(ep, EPOLL_CTL_ADD, f, &n);
                }
                continue;
            }
            struct conn *c = &conns[fd];
            ssize_t r = recv(fd, c->in + c->have, BUF - c->have, 0);
            if (r <= 0) { if (r == 0 || errno != EAGAIN) drop(fd); continue; }
            c->have += (size_t)r;
            take(fd, c);
        }
        if (paced) {
            long long t = now_us();
            for (int fd = 0; fd < MAXFD; fd++) {
                struct conn *c = &conns[fd];
                if (!c->left || c->due > t) continue;
                put(fd, event, event_len); c->due += PACE_US;
                if (!--c->left) { paced--; finish_stream(fd, c); }
            }
        }
    }
}
