// A thread that stands still wherever it happens to be, inside a call of the cache as a rule: the others go on,
// whatever they call but resizing, and what they read is right.
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <random>
#include <thread>

#include "perfcore/cache/cache.hpp"

using namespace perfcore::cache;

std::atomic<bool> holds{false}, is_held{false};

void stand_still(int) {
    is_held.store(true);
    while (holds.load()) {}
    is_held.store(false);
}

constexpr int64_t WIDTH = 32, N_KEYS = 400, BATCH = 50;

// Counts the rows that were rejected.
int64_t call(Cache& cache, std::mt19937& random) {
    int64_t keys[BATCH], rows[BATCH][WIDTH];
    uint8_t hit[BATCH];
    for (auto& key : keys) key = int64_t(random() % N_KEYS);
    const KeyBatch batch{keys, nullptr, nullptr};
    if (random() % 8 == 0) return cache.remove(batch, 3, nullptr), 0;
    if (random() % 2) {
        for (int64_t i = 0; i < BATCH; i++)
            for (auto& cell : rows[i]) cell = keys[i];
        return cache.put(batch, BATCH, reinterpret_cast<char*>(rows), nullptr, nullptr, 0, nullptr);
    }
    cache.get(batch, BATCH, reinterpret_cast<char*>(rows), nullptr, hit, 0);
    for (int64_t i = 0; i < BATCH; i++)
        for (auto cell : rows[i])
            if (hit[i] && cell != keys[i])
                std::exit(std::printf("key %ld has the row of %ld\n", long(keys[i]), long(cell)));
    return 0;
}

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 30;
    struct sigaction action = {};
    action.sa_handler = stand_still;
    sigaction(SIGUSR1, &action, nullptr);
    for (Policy policy : {Policy::CLOCK, Policy::S3FIFO, Policy::LFU, Policy::ADAPTIVE}) {
        Settings settings;
        settings.capacity = 200, settings.row_bytes = sizeof(int64_t) * WIDTH, settings.policy = policy;
        CacheOf<Integers> cache(settings);
        std::atomic<bool> ends{false};
        std::thread victim([&] {
            std::mt19937 random(1);
            while (!ends.load()) call(cache, random);
        });
        std::mt19937 random(2);
        for (int round = 0; round < rounds; round++) {
            holds.store(true);
            pthread_kill(victim.native_handle(), SIGUSR1);
            while (!is_held.load()) std::this_thread::yield();
            std::thread other([&] {
                std::mt19937 its(round);
                for (int i = 0; i < 300; i++) call(cache, its);
            });
            for (int i = 0; i < 300; i++) call(cache, random);
            other.join();
            holds.store(false);
            while (is_held.load()) std::this_thread::yield();
            for (int i = 0; i < 20; i++) call(cache, random);
        }
        ends.store(true);
        victim.join();
        int64_t n_rejected = 0;  // nobody stands in the way any more
        for (int i = 0; i < 100; i++) n_rejected += call(cache, random);
        if (n_rejected != 0) std::exit(std::printf("%ld rows rejected with nobody inside\n", long(n_rejected)));
        if (const char* wrong = cache.check()) std::exit(std::printf("%s\n", wrong));
    }
    std::printf("ok\n");
}
