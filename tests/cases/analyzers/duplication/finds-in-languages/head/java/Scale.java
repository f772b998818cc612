package shop;

import java.util.List;

class Scale {
    int weigh(List<Part> parts, int limit) {
        int sum = 0;
        for (Part part : parts) {
            if (part == null || part.isEmpty()) {
                continue;
            }
            int weight = part.weight() * part.count();
            if (weight > limit) {
                throw new IllegalStateException("too heavy: " + part);
            }
            sum += weight;
            while (sum > limit) {
                sum -= part.step();
                log.info("reduced by {}", part.step());
            }
        }
        return sum;
    }
}
