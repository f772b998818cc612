def over(value):
    if value == 0:
        return 0
    if value == 1:
        return 1
    if value == 2:
        return 2
    if value == 3:
        return 3
    if value == 4:
        return 4
    if value == 5:
        return 5
    if value == 6:
        return 6
    if value == 7:
        return 7
    if value == 8:
        return 8
    if value == 9:
        return 9
    if value == 10:
        return 10
    if value == 11:
        return 11
    if value == 12:
        return 12
    if value == 13:
        return 13
    if value == 14:
        return 14
    if value == 15:
        return 15
    return None


def grows(value):
    if value == 0:
        return 0
    if value == 1:
        return 1
    if value == 2:
        return 2
    if value == 3:
        return 3
    if value == 4:
        return 4
    if value == 5:
        return 5
    if value == 6:
        return 6
    if value == 7:
        return 7
    if value == 8:
        return 8
    if value == 9:
        return 9
    if value == 10:
        return 10
    if value == 11:
        return 11
    if value == 12:
        return 12
    if value == 13:
        return 13
    if value == 14:
        return 14
    if value == 15:
        return 15
    if value == 16:
        return 16
    if value == 17:
        return 17
    if value == 18:
        return 18
    if value == 19:
        return 19
    if value == 20:
        return 20
    if value == 21:
        return 21
    if value == 22:
        return 22
    if value == 23:
        return 23
    return None


def same(value):
    if value == 0:
        return 0
    if value == 1:
        return 1
    if value == 2:
        return 2
    if value == 3:
        return 3
    if value == 4:
        return 4
    if value == 5:
        return 5
    if value == 6:
        return 6
    if value == 7:
        return 7
    if value == 8:
        return 8
    if value == 9:
        return 9
    if value == 10:
        return 10
    if value == 11:
        return 11
    if value == 12:
        return 12
    if value == 13:
        return 13
    if value == 14:
        return 14
    if value == 15:
        return 15
    if value == 16:
        return 16
    if value == 17:
        return 17
    if value == 18:
        return 18
    if value == 19:
        return 19
    if value == 20:
        return 20
    if value == 21:
        return 21
    if value == 22:
        return 22
    return None


class Shop:
    def deep(self, orders):
        for order in orders:
            for item in order:
                if item:
                    while item.open:
                        try:
                            print(item)
                        except OSError:
                            item.close()

    def wide(self, a, b, c, d, e, f, g, h):
        return a

    def long(self):
        print(0)
        print(1)
        print(2)
        print(3)
        print(4)
        print(5)
        print(6)
        print(7)
        print(8)
        print(9)
        print(10)
        print(11)
        print(12)
        print(13)
        print(14)
        print(15)
        print(16)
        print(17)
        print(18)
        print(19)
        print(20)
        print(21)
        print(22)
        print(23)
        print(24)
        print(25)
        print(26)
        print(27)
        print(28)
        print(29)
        print(30)
        print(31)
        print(32)
        print(33)
        print(34)
        print(35)
        print(36)
        print(37)
        print(38)
        print(39)
        print(40)
        print(41)
        print(42)
        print(43)
        print(44)
        print(45)
        print(46)
        print(47)
        print(48)
        print(49)
        print(50)
        print(51)
        print(52)
        print(53)
        print(54)
        print(55)
        print(56)
        print(57)
        print(58)
        print(59)
        print(60)
        print(61)
        print(62)
        print(63)
        print(64)
        print(65)
        print(66)
        print(67)
        print(68)
        print(69)
        print(70)
        print(71)
        print(72)
        print(73)
        print(74)
        print(75)
        print(76)
        print(77)
        print(78)
        print(79)
        print(80)
        print(81)
        print(82)
        print(83)
        print(84)
        print(85)
        print(86)
        print(87)
        print(88)
        print(89)
        print(90)
        print(91)
        print(92)
        print(93)
        print(94)
        print(95)
        print(96)
        print(97)
        print(98)
        print(99)
        print(100)
