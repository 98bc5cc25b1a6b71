// Whether a cache is a map, key by key: histories of threads that get, put and remove a few keys at once, each searched
// for an order of its calls that a map would have answered alike (Wing and Gong 1993, with Lowe's memory of what was
// tried).
// A cache may lose an entry at any time, but only where it has more keys than capacity. A put may be rejected, whole or in
// part, where another thread stands still in a call for 100 ms, as the machine may have it: one in a thousand at most.
#include <cstdio>
#include <cstdlib>
#include <random>
#include <set>
#include <thread>

#include "perfcore/cache/cache.hpp"

using namespace perfcore::cache;

enum class Kind { GET, PUT, REMOVE };

struct Call {
    int64_t began, ended;
    Kind kind;
    int64_t key, value;  // put; or what a get found, ABSENT
    bool was;            // remove: it was there; put: no key of it was rejected
};

constexpr int64_t ABSENT = -1;
constexpr int N_KEYS = 3, N_THREADS = 3, N_CALLS = 5;

int64_t ticks() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

// Calls of one key, in any order of those that overlap.
class Search {
public:
    Search(const std::vector<Call>& calls, bool may_lose) : calls_(calls), may_lose_(may_lose) {}
    bool finds() { return from(0, ABSENT); }

private:
    bool from(uint64_t done, int64_t value) {
        if (done == (uint64_t(1) << calls_.size()) - 1) return true;
        if (!tried_.insert({done, value}).second) return false;
        int64_t first_end = INT64_MAX;  // what began after another ended comes after it
        for (size_t i = 0; i < calls_.size(); i++)
            if (!(done >> i & 1)) first_end = std::min(first_end, calls_[i].ended);
        for (size_t i = 0; i < calls_.size(); i++) {
            if (done >> i & 1 || calls_[i].began > first_end) continue;
            int64_t after = value;
            if (answers(calls_[i], after) && from(done | uint64_t(1) << i, after)) return true;
            if (calls_[i].kind == Kind::PUT && !calls_[i].was && from(done | uint64_t(1) << i, value)) return true;
            after = ABSENT;
            if (!may_lose_ || value == ABSENT) continue;
            if (answers(calls_[i], after) && from(done | uint64_t(1) << i, after)) return true;
        }
        return false;
    }

    static bool answers(const Call& call, int64_t& value) {
        switch (call.kind) {
            case Kind::GET: return call.value == value;
            case Kind::PUT: value = call.value; return true;
            case Kind::REMOVE: {
                const bool was = value != ABSENT;
                value = ABSENT;
                return call.was == was;
            }
        }
        return false;
    }

    const std::vector<Call>& calls_;
    const bool may_lose_;
    std::set<std::pair<uint64_t, int64_t>> tried_;
};

class Barrier {  // spun at, so that threads leave it together
public:
    void wait() {
        const int round = round_.load();
        if (n_.fetch_add(1) + 1 == N_THREADS) {
            n_.store(0);
            round_.store(round + 1);
        } else {
            for (int spins = 0; round_.load() == round;)
                if (++spins > 2000) std::this_thread::yield();
        }
    }

private:
    std::atomic<int> n_{0}, round_{0};
};

std::atomic<int64_t> n_puts{0}, n_puts_rejected{0};

void calls_of(Cache& cache, std::mt19937& random, std::vector<Call>& told) {
    for (int i = 0; i < N_CALLS; i++) {
        int64_t keys[N_KEYS], values[N_KEYS];
        uint8_t was[N_KEYS];
        const int64_t n = random() % 3 ? 1 : N_KEYS, first = int64_t(random() % N_KEYS);
        for (int64_t j = 0; j < n; j++) keys[j] = (first + j) % N_KEYS, values[j] = int64_t(random() % 1000000);
        const KeyBatch batch{keys, nullptr, nullptr};
        const auto data = reinterpret_cast<char*>(values);
        const Kind kind = Kind(random() % 3);
        int64_t n_rejected = 0;
        const int64_t began = ticks();
        if (kind == Kind::GET) cache.get(batch, n, data, nullptr, was, 0);
        else if (kind == Kind::PUT) n_rejected = cache.put(batch, n, data, nullptr, nullptr, 0, nullptr);
        else cache.remove(batch, n, was);
        const int64_t ended = ticks();
        n_puts += kind == Kind::PUT;
        n_puts_rejected += n_rejected != 0;
        for (int64_t j = 0; j < n; j++)
            told.push_back({began, ended, kind, keys[j], kind == Kind::GET && !was[j] ? ABSENT : values[j],
                            kind == Kind::PUT ? n_rejected == 0 : was[j] != 0});
    }
}

void search(Policy policy, int64_t capacity, int rounds, unsigned seed) {
    Settings settings;
    settings.capacity = capacity, settings.row_bytes = 8, settings.policy = policy, settings.hash_bits = 1;
    CacheOf<Integers> cache(settings);
    Barrier barrier;
    std::vector<Call> told[N_THREADS];
    std::vector<std::thread> threads;
    for (int t = 0; t < N_THREADS; t++)
        threads.emplace_back([&, t] {
            std::mt19937 random(seed * 10 + unsigned(t));
            for (int round = 0; round < rounds; round++) {
                barrier.wait();
                calls_of(cache, random, told[t]);
                barrier.wait();
                if (t != 0) continue;
                const int64_t keys[N_KEYS] = {0, 1, 2};
                cache.remove({keys, nullptr, nullptr}, N_KEYS, nullptr);
                for (int64_t key : keys) {
                    std::vector<Call> calls;
                    for (auto& its : told)
                        for (const Call& c : its)
                            if (c.key == key) calls.push_back(c);
                    if (Search(calls, capacity < N_KEYS).finds()) continue;
                    for (const Call& c : calls)
                        std::printf("%ld..%ld %s %ld %d\n", long(c.began), long(c.ended),
                                    c.kind == Kind::GET ? "get" : c.kind == Kind::PUT ? "put" : "remove", long(c.value),
                                    c.was);
                    std::printf("policy %d, capacity %ld: no map answers so\n", int(policy), long(capacity));
                    std::exit(1);
                }
                for (auto& its : told) its.clear();
            }
        });
    for (auto& thread : threads) thread.join();
    if (const char* wrong = cache.check()) std::exit(std::printf("%s\n", wrong));
}

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 1000;
    const unsigned seed = argc > 2 ? unsigned(std::atoi(argv[2])) : 1;
    for (Policy policy : {Policy::CLOCK, Policy::S3FIFO, Policy::LFU, Policy::LRU_EXACT, Policy::ADAPTIVE})
        for (int64_t capacity : {2, 8}) search(policy, capacity, rounds, seed);
    if (n_puts_rejected * 1000 > n_puts)
        return std::printf("%ld of %ld puts were rejected\n", long(n_puts_rejected), long(n_puts));
    std::printf("ok\n");
}
