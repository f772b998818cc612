debugger // ÿþ
