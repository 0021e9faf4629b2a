/* SPDX-License-Identifier: MIT */
/*
 * Guest programs for `make bench`: one static binary, one workload per name.
 *
 * Runs inside the guest (or on the host, for the native column) and prints
 *
 *   BEGIN name
 *   END name checksum
 *
 * around each; the driver on the host takes the time between the lines, so that
 * nothing depends on the guest's clock.  The checksum must be the same
 * everywhere.
 */
#include <immintrin.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uint64_t u64;
typedef uint32_t u32;

static const char *self;
static volatile u64 sink;

static u64 rnd(u64 *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 7;
	return *s ^= *s << 17;
}

static u64 intloop(void)
{
	u64 a = 1, b = 2;

	for (u64 i = 0; i < 300000000; i++) {
		a += b ^ i;
		b = (b << 1 | b >> 63) + a;
	}
	return a + b;
}

static u64 sieve(void)
{
	enum { N = 4000000 };
	char *p = malloc(N);
	u64 n = 0;

	for (int r = 0; r < 6; r++) {
		memset(p, 1, N);
		for (u32 i = 2; i * i < N; i++)
			if (p[i])
				for (u32 k = i * i; k < N; k += i)
					p[k] = 0;
		for (u32 i = 2; i < N; i++)
			n += p[i];
	}
	free(p);
	return n;
}

static int by_value(const void *a, const void *b)
{
	u32 x = *(const u32 *)a, y = *(const u32 *)b;

	return x < y ? -1 : x > y;
}

static u64 sort(void)
{
	enum { N = 600000 };
	u32 *v = malloc(N * sizeof(*v));
	u64 s = 88172645463325252ull, sum = 0;

	for (int r = 0; r < 3; r++) {
		for (int i = 0; i < N; i++)
			v[i] = (u32)rnd(&s);
		qsort(v, N, sizeof(*v), by_value);
		sum += v[N / 2];
	}
	free(v);
	return sum;
}

static u64 __attribute__((noinline)) fib(u64 n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static u64 recursion(void)
{
	return fib(36);
}

static u64 op_a(u64 x) { return x + 3; }
static u64 op_b(u64 x) { return x ^ 0x55; }
static u64 op_c(u64 x) { return x * 5; }
static u64 op_d(u64 x) { return x >> 1; }

static u64 indirect(void)
{
	static u64 (*const volatile ops[])(u64) = { op_a, op_b, op_c, op_d };
	u64 x = 1;

	for (u32 i = 0; i < 60000000; i++)
		x = ops[(x ^ i) & 3](x) + 1;
	return x;
}

static u64 strings(void)
{
	char buf[256], word[32];
	u64 sum = 0;

	for (u32 i = 0; i < 400000; i++) {
		snprintf(word, sizeof(word), "key%u", i * 2654435761u);
		snprintf(buf, sizeof(buf), "%s=%08x;%d,%s", word, i, -(int)i,
			 "tail of the line");
		sum += strlen(buf) + (strstr(buf, "tail") - buf) +
		       (u64)(strchr(buf, ';') - buf) + strtoul(word + 3, 0, 10);
	}
	return sum;
}

static u64 matrix(void)
{
	enum { N = 256 };
	static double a[N][N], b[N][N], c[N][N];

	for (int i = 0; i < N; i++)
		for (int j = 0; j < N; j++) {
			a[i][j] = i + j;
			b[i][j] = i - j;
		}
	for (int r = 0; r < 12; r++)
		for (int i = 0; i < N; i++)
			for (int k = 0; k < N; k++)
				for (int j = 0; j < N; j++)
					c[i][j] += a[i][k] * b[k][j];
	return (u64)(int64_t)c[17][33];
}

/* --- the same with AVX2, where the CPU says that it has it ------------------ */

enum { AN = 256 };
static double am[3][AN][AN] __attribute__((aligned(32)));

__attribute__((target("avx2")))
static void matrix_round_avx2(void)
{
	for (int i = 0; i < AN; i++)
		for (int k = 0; k < AN; k++) {
			__m256d x = _mm256_set1_pd(am[0][i][k]);

			for (int j = 0; j < AN; j += 4) {
				__m256d y = _mm256_mul_pd(x,
					_mm256_load_pd(&am[1][k][j]));

				y = _mm256_add_pd(y,
					_mm256_load_pd(&am[2][i][j]));
				_mm256_store_pd(&am[2][i][j], y);
			}
		}
}

static void matrix_round(void)
{
	for (int i = 0; i < AN; i++)
		for (int k = 0; k < AN; k++)
			for (int j = 0; j < AN; j++)
				am[2][i][j] += am[0][i][k] * am[1][k][j];
}

static u64 avx2_matrix(void)
{
	int avx2 = __builtin_cpu_supports("avx2");

	for (int i = 0; i < AN; i++)
		for (int j = 0; j < AN; j++) {
			am[0][i][j] = i + j;
			am[1][i][j] = i - j;
		}
	for (int r = 0; r < 30; r++)
		avx2 ? matrix_round_avx2() : matrix_round();
	return (u64)(int64_t)am[2][17][33];
}

__attribute__((target("avx2")))
static void copy_avx2(void *to, const void *from, size_t n)
{
	__m256i *d = to;
	const __m256i *s = from;

	for (size_t i = 0; i < n / 32; i += 4) {
		__m256i a = _mm256_loadu_si256(s + i);
		__m256i b = _mm256_loadu_si256(s + i + 1);
		__m256i c = _mm256_loadu_si256(s + i + 2);
		__m256i e = _mm256_loadu_si256(s + i + 3);

		_mm256_storeu_si256(d + i, a);
		_mm256_storeu_si256(d + i + 1, b);
		_mm256_storeu_si256(d + i + 2, c);
		_mm256_storeu_si256(d + i + 3, e);
	}
}

static u64 avx2_copy(void)
{
	enum { N = 1 << 18 };
	int avx2 = __builtin_cpu_supports("avx2");
	unsigned char *a = malloc(N), *b = malloc(N);
	u64 sum = 0;

	memset(a, 7, N);
	for (int r = 0; r < 20000; r++) {
		avx2 ? copy_avx2(b, a, N) : (void)memcpy(b, a, N);
		sum += b[r];
		a[r] ^= (unsigned char)r;
	}
	free(a);
	free(b);
	return sum;
}

static u64 nbody(void)
{
	enum { N = 5 };
	double p[N][3], v[N][3], e = 0;

	for (int i = 0; i < N; i++)
		for (int k = 0; k < 3; k++) {
			p[i][k] = (i + 1) * (k + 2) * 0.37;
			v[i][k] = (i - k) * 0.01;
		}
	for (int step = 0; step < 2500000; step++) {
		for (int i = 0; i < N; i++)
			for (int j = i + 1; j < N; j++) {
				double d[3], r2 = 0.01;

				for (int k = 0; k < 3; k++) {
					d[k] = p[i][k] - p[j][k];
					r2 += d[k] * d[k];
				}
				double f = 1e-5 / (r2 * sqrt(r2));

				for (int k = 0; k < 3; k++) {
					v[i][k] -= d[k] * f;
					v[j][k] += d[k] * f;
				}
			}
		for (int i = 0; i < N; i++)
			for (int k = 0; k < 3; k++)
				p[i][k] += v[i][k] * 0.001;
	}
	for (int i = 0; i < N; i++)
		e += p[i][0] + v[i][1];
	return (u64)(int64_t)(e * 1e6);
}

static u64 copy(void)
{
	enum { N = 1 << 20 };
	char *a = malloc(N), *b = malloc(N);
	u64 sum = 0;

	memset(a, 7, N);
	for (int r = 0; r < 6000; r++) {
		memcpy(b, a, N);
		sum += (unsigned char)b[r];
		a[r] ^= (char)r;
	}
	free(a);
	free(b);
	return sum;
}

static u64 chase(void)
{
	enum { N = 1 << 19 };
	u32 *next = malloc(N * sizeof(*next)), at = 0;
	u64 s = 1234567;

	for (u32 i = 0; i < N; i++)
		next[i] = i;
	for (u32 i = N - 1; i; i--) {
		u32 k = rnd(&s) % i, t = next[i];

		next[i] = next[k];
		next[k] = t;
	}
	for (u32 i = 0; i < 40000000; i++)
		at = next[at];
	free(next);
	return at;
}

static u64 getppid_loop(void)
{
	u64 n = 0;

	for (int i = 0; i < 2000000; i++)
		n += syscall(SYS_getppid) >= 0;
	return n;
}

static u64 fork_wait(void)
{
	int st;
	u64 n = 0;

	for (int i = 0; i < 1500; i++) {
		pid_t p = fork();

		if (!p)
			_exit(i & 63);
		waitpid(p, &st, 0);
		n += WEXITSTATUS(st);
	}
	return n;
}

static u64 fork_exec(void)
{
	int st;
	u64 n = 0;

	for (int i = 0; i < 400; i++) {
		pid_t p = fork();

		if (!p) {
			execl(self, self, "true", (char *)NULL);
			_exit(99);
		}
		waitpid(p, &st, 0);
		n += WEXITSTATUS(st) == 0;
	}
	return n;
}

static u64 faults(void)
{
	enum { PAGES = 4096 };
	u64 n = 0;

	for (int r = 0; r < 60; r++) {
		char *p = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		madvise(p, PAGES * 4096, MADV_NOHUGEPAGE);
		for (int i = 0; i < PAGES; i++)
			p[i * 4096] = (char)i;
		n += (unsigned char)p[100 * 4096];
		munmap(p, PAGES * 4096);
	}
	return n;
}

static u64 pingpong(void)
{
	int a[2], b[2], st;
	char c = 'x';
	u64 n = 0;

	if (pipe(a) || pipe(b))
		return 0;
	if (!fork()) {
		close(a[1]);
		while (read(a[0], &c, 1) == 1)
			if (write(b[1], &c, 1) != 1)
				break;
		_exit(0);
	}
	close(a[0]);
	for (int i = 0; i < 60000; i++) {
		if (write(a[1], &c, 1) != 1 || read(b[0], &c, 1) != 1)
			break;
		n++;
	}
	close(a[1]);
	wait(&st);
	return n;
}

static void *count_up(void *arg)
{
	u64 *v = arg;

	for (int i = 0; i < 10000000; i++)
		__atomic_fetch_add(v, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static u64 atomics2(void)
{
	pthread_t t;
	u64 v = 0;

	pthread_create(&t, NULL, count_up, &v);
	count_up(&v);
	pthread_join(t, NULL);
	return v;
}

static void *spin_part(void *arg)
{
	*(u64 *)arg = fib(35);
	return NULL;
}

static u64 parallel2(void)
{
	pthread_t t;
	u64 a = 0, b = 0;

	pthread_create(&t, NULL, spin_part, &a);
	spin_part(&b);
	pthread_join(t, NULL);
	return a + b;
}

static const struct { const char *name; u64 (*run)(void); } loads[] = {
	{ "intloop", intloop },   { "sieve", sieve },
	{ "qsort", sort },        { "recursion", recursion },
	{ "indirect", indirect }, { "strings", strings },
	{ "matrix", matrix },     { "nbody", nbody },
	{ "memcpy", copy },       { "chase", chase },
	{ "avx2matrix", avx2_matrix }, { "avx2copy", avx2_copy },
	{ "getppid", getppid_loop }, { "forkwait", fork_wait },
	{ "forkexec", fork_exec }, { "faults", faults },
	{ "pingpong", pingpong }, { "atomics2", atomics2 },
	{ "parallel2", parallel2 },
};

static int wanted(const char *name, int argc, char **argv)
{
	if (argc < 2)
		return 1;
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	self = "/proc/self/exe";
	if (argc == 2 && !strcmp(argv[1], "true"))
		return 0;
	setvbuf(stdout, NULL, _IONBF, 0);
	for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
		if (!wanted(loads[i].name, argc, argv))
			continue;
		printf("BEGIN %s\n", loads[i].name);
		sink = loads[i].run();
		printf("END %s %llu\n", loads[i].name,
		       (unsigned long long)sink);
	}
	printf("DONE\n");
	return 0;
}
