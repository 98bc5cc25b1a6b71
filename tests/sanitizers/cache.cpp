// Threads that get, put, delete and pin at once in caches too small for them. Every row tells its key and version in
// every cell, so that a torn or reused one shows; at the end every row and node is in one place.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "perfcore/cache/cache.hpp"

using namespace perfcore::cache;

constexpr int WIDTH = 16;

#define HOLDS(what)                                                          \
    if (!(what)) {                                                           \
        std::printf("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
        std::exit(1);                                                        \
    }

struct Row {
    int64_t cells[WIDTH];
    static Row of(int64_t key, int64_t version) {
        Row row;
        for (int i = 0; i < WIDTH; i++) row.cells[i] = key * 1000003 + version * 257 + i;
        row.cells[0] = key, row.cells[1] = version;
        return row;
    }
    bool is_whole() const {
        const Row expected = of(cells[0], cells[1]);
        return std::memcmp(cells, expected.cells, sizeof(cells)) == 0;
    }
};

template <class Keys> struct Made;
template <> struct Made<Integers> {
    std::vector<int64_t> keys;
    explicit Made(const std::vector<int64_t>& k) : keys(k) {}
    KeyBatch get(size_t i = 0) const { return {keys.data() + i, nullptr, nullptr}; }
};
template <> struct Made<Strings> {
    std::vector<int64_t> offsets{0};
    std::string data;
    explicit Made(const std::vector<int64_t>& keys) {
        for (int64_t key : keys) {
            data += "key " + std::to_string(key) + std::string(size_t(key % 23), 'x');
            offsets.push_back(int64_t(data.size()));
        }
    }
    KeyBatch get(size_t i = 0) const { return {nullptr, offsets.data() + i, data.data()}; }
};

template <class Keys>
void work(Cache& cache, int seed, int n_keys, int rounds, bool has_versions, bool may_resize) {
    std::mt19937 random(seed);
    Log log;
    for (int round = 0; round < rounds; round++) {
        const int n = 1 + int(random() % 40);
        std::vector<int64_t> keys(n), versions(n);
        for (auto& key : keys) key = int64_t(random() % n_keys);
        const Made<Keys> made(keys);
        const int what = int(random() % 16);
        if (what < 8) {
            std::vector<Row> out(n);
            std::vector<uint8_t> hit(n);
            cache.get(made.get(), n, reinterpret_cast<char*>(out.data()), nullptr, hit.data(), round);
            for (int i = 0; i < n; i++) {
                if (!hit[i]) continue;
                HOLDS(out[i].is_whole() && out[i].cells[0] == keys[i]);
            }
        } else if (what < 13) {
            std::vector<Row> rows(n);
            for (int i = 0; i < n; i++) rows[i] = Row::of(keys[i], versions[i] = int64_t(random() % 1000));
            const std::vector<int64_t> untils(n, random() % 4 ? NEVER : round + 50);
            cache.put(made.get(), n, reinterpret_cast<char*>(rows.data()), has_versions ? versions.data() : nullptr,
                      untils.data(), round, random() % 4 ? nullptr : &log);
            for (const char* at = log.rows.data(); at != log.rows.data() + log.rows.size(); at += sizeof(Row)) {
                Row row;
                std::memcpy(&row, at, sizeof(row));
                HOLDS(row.is_whole());
            }
            log = Log();
        } else if (what < 14) {
            const int64_t capacity = 1 + int64_t(random() % size_t(n_keys));
            if (may_resize && random() % 40 == 0) cache.resize(capacity, -1, random() % 8, false, round);
            cache.remove(made.get(), n, nullptr);
        } else if (what < 15) {
            std::vector<uint8_t> hit(n);
            cache.contains(made.get(), n, hit.data(), round);
            if (random() % 8) continue;
            cache.entries(round, log, nullptr);
            std::map<int64_t, int> seen;
            for (size_t i = 0; i < log.rows.size() / sizeof(Row); i++) {
                Row row;
                std::memcpy(&row, log.rows.data() + i * sizeof(Row), sizeof(row));
                HOLDS(row.is_whole() && seen[row.cells[0]]++ == 0);
            }
            log = Log();
        } else {
            std::vector<std::pair<std::shared_ptr<Slab>, int64_t>> pins;
            std::vector<Row> seen;
            for (int i = 0; i < std::min(n, 3); i++) {
                int64_t place;
                bool is_full;
                auto slab = cache.pin(made.get(size_t(i)), round, place, is_full);
                if (!slab) continue;
                pins.emplace_back(slab, place);
                seen.push_back(reinterpret_cast<Row*>(slab->data)[place]);
                HOLDS(seen.back().is_whole() && seen.back().cells[0] == keys[i]);
            }
            if (random() % 2) std::this_thread::yield();
            for (size_t i = 0; i < pins.size(); i++) {
                const Row& row = reinterpret_cast<Row*>(pins[i].first->data)[pins[i].second];
                HOLDS(!std::memcmp(&row, &seen[i], sizeof(Row)));
                pins[i].first->unpin(pins[i].second);
            }
        }
        HOLDS(may_resize || cache.size() <= n_keys / 3);
    }
}

template <class Keys>
void stress(Policy policy, int64_t capacity, int hash_bits, int n_threads, int rounds, int seed, bool has_dates,
            bool may_resize) {
    Settings settings;
    settings.capacity = capacity, settings.row_bytes = sizeof(Row), settings.policy = policy;
    settings.hash_bits = hash_bits, settings.max_pinned = std::max<int64_t>(capacity / 4, 1), settings.seed = 7 * seed;
    settings.has_dates = has_dates;
    if (has_dates) settings.idle = 40;
    CacheOf<Keys> cache(settings);
    std::vector<std::thread> threads;
    for (int i = 0; i < n_threads; i++)
        threads.emplace_back(
            [&, i] { work<Keys>(cache, seed * 100 + i, int(capacity) * 3, rounds, has_dates, may_resize); });
    for (auto& thread : threads) thread.join();
    const char* wrong = cache.check();
    if (wrong != nullptr) std::printf("policy %d, capacity %ld: %s\n", int(policy), long(capacity), wrong);
    HOLDS(wrong == nullptr);
    HOLDS(cache.n_pinned() == 0);
}

int main(int argc, char** argv) {
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 300;
    int seed = argc > 2 ? std::atoi(argv[2]) : 1;
    for (Policy policy : {Policy::CLOCK, Policy::S3FIFO, Policy::LFU, Policy::LRU_EXACT, Policy::ADAPTIVE})
        for (int64_t capacity : {1, 8, 64, 200})
            for (int hash_bits : {2, 6, 64})
                for (bool has_dates : {false, true}) {
                    seed += 2;
                    stress<Integers>(policy, capacity, hash_bits, 4, rounds, seed, has_dates, seed % 3 == 0);
                    stress<Strings>(policy, capacity, hash_bits, 3, rounds / 2, seed + 1, has_dates, seed % 5 == 0);
                }
    std::printf("ok\n");
}
